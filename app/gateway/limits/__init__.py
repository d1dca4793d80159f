"""Who asks, how much of the endpoint is theirs, and when a request is refused so that the others stay fast."""
