"""Whether a step may be applied: what is no number or a spike is not, is told with its documents, and stays within bounds."""
