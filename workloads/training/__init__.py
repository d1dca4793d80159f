"""Order, step, loop and Ray Train: from token rows to a model."""
