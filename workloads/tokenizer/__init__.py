"""Train a tokenizer, measure it, encode and pack into fixed-length token rows."""
