"""`hanlin plan` and `hanlin tune` behind their arguments: what they ask, and how the answers are shown."""
