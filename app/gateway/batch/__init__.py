"""Requests in bulk: files of them, batches that run through the same endpoint in the background, and what came out."""
