"""How many copies a load needs: by the requests at work or waiting, and by the tokens that their contexts hold.

Ray Serve runs this in its controller, where only Ray is sure to be there: nothing of ours is imported. Not for how soon copies come
and go (deploy.py).
"""

from typing import Any

from ray.serve.config import AutoscalingContext

TOKENS = "context_tokens"


class LoadPolicy:
    """The larger of both needs. `tokens_per_copy` 0: requests alone decide."""

    def __init__(self, tokens_per_copy: int) -> None:
        self._tokens_per_copy = tokens_per_copy

    def __call__(self, context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
        """Copies, before Serve rounds them and keeps them between its bounds; and no state."""
        assert context.config is not None
        needed = context.total_num_requests / context.config.get_target_ongoing_requests()
        if self._tokens_per_copy:
            held = sum(((context.aggregated_metrics or {}).get(TOKENS) or {}).values())
            needed = max(needed, held / self._tokens_per_copy)
        return needed, {}
