"""Batch and learning rate by the size of a model and of its text, where nothing was searched. Pure arithmetic.

Li et al., "Step Law" (arXiv 2503.04715): 3,700 decoders of 60 M to 1 B parameters with AdamW. N counts parameters without embeddings.
"""

import math

_RATE, _RATE_BY_SIZE, _RATE_BY_TOKENS = 1.79, -0.713, 0.307
_BATCH, _BATCH_BY_TOKENS = 0.58, 0.571
_HIGHEST_RATE = 3e-3  # the rule says more for models smaller than it was measured on; at 8e-3 one of 0.6M parameters scattered
_ANY_BATCH = 8
_WARMUP_SHARE, _LONGEST_WARMUP = 0.1, 2000


def learning_rate(body_parameters: int, tokens: float) -> float:
    """Peak rate of AdamW, two digits."""
    rate = _RATE * body_parameters**_RATE_BY_SIZE * tokens**_RATE_BY_TOKENS
    return float(f"{min(rate, _HIGHEST_RATE):.2g}")


def batch_rows(tokens: float, sequence_length: int) -> int:
    """Rows per optimizer step; above 8 a power of two, so that it can be cut among workers."""
    rows = max(1.0, _BATCH * tokens**_BATCH_BY_TOKENS / sequence_length)
    return round(rows) if rows <= _ANY_BATCH else 1 << round(math.log2(rows))


def warmup_steps(steps: int) -> int:
    return min(_LONGEST_WARMUP, max(1, round(_WARMUP_SHARE * steps)))
