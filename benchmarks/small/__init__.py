"""Small trainings on the rows of a tokens artifact, for comparing settings."""
