"""The world's facts in every form: about people, and about everything else."""
