"""HTTP in, tokens out: OpenAI shapes, streaming, routing."""
