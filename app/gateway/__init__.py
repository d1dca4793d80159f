"""HTTP in, tokens out: OpenAI shapes, text from tokens, streaming, and routing between the revisions of a model."""
