"""Exact and fast encoding with the byte-level BPE that train.py makes; every other tokenizer is left to its own library."""

from workloads.tokenizer.encoding.encoder import Encoded, Encoder, TokenType, load_encoder, token_type

__all__ = ["Encoded", "Encoder", "TokenType", "load_encoder", "token_type"]
