"""Adapters (LoRA) of the torch engine: read from PEFT's files, held within a budget, mixed row by row."""
