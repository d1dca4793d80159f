"""A replica on Ray Serve around an engine: one immutable application per model revision."""
