"""Copies out: exact, near and partial duplicates found by partitions, one document of each group kept, and the index to go on."""
