"""What people and clients touch: decides what runs."""
