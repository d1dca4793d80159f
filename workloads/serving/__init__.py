"""A replica on Ray Serve around an engine."""
