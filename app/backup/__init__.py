"""Disaster recovery: what a company cannot make again in an hour, copied to another place with the hash of every file."""
