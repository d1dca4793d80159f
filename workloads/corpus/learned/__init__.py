"""Learned models of the corpus: taught from piles of documents, kept in a folder, named in the recipe."""
