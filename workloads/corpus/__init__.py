"""From raw files to a clean corpus on Ray Data: read, normalise, judge, mask, deduplicate, explain."""
