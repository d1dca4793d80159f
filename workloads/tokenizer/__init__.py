"""The tokenizer room: train a byte-level BPE on a corpus, measure it, and pack the corpus into fixed-length token rows."""

from workloads.tokenizer.spec import TokenizerSpec, TokensSpec

__all__ = ["TokenizerSpec", "TokensSpec"]
