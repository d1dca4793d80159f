"""Parts of day.py: serving and training on one cluster, and what clients and training see of it."""
