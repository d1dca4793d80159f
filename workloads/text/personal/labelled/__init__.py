"""A labelled set of the project's own: sentences in which personal data is marked, made and written, and the score on them."""
