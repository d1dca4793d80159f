"""The ground: compute, storage and observation. It imports nothing else of ours."""
