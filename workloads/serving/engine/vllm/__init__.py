"""The engine vLLM behind our interface, in an environment where vLLM is installed."""
