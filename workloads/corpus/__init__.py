"""Ray Data: read, clean, deduplicate, report."""
