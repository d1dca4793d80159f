"""Keeps evaluation sets out of the corpus: their items, and what of them stands in a document."""
