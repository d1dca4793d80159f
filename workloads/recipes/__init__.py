"""Tested recipes."""
