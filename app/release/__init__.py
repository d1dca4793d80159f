"""A new revision takes over from the old one in steps, watched, and goes back by itself where it is worse."""
