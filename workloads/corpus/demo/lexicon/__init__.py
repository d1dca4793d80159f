"""What the small world is made of: places, trades, seasons, things and families, as plain tuples."""
