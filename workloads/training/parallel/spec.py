"""The `training.parallel` section of a recipe: how many processes share what. Not for how many there are (`training.workers`)."""

from pydantic import Field

from cluster.config import Spec


class ParallelSpec(Spec):
    """All one: every process holds the whole model and state (data parallel). Processes beyond shard x context x tensor are copies of
    such a group (hybrid sharding)."""

    shard: int = Field(1, ge=1, description="processes that share one copy of weights, gradients and state (FSDP2)")
    context: int = Field(1, ge=1, description="processes that share each row, for rows too long for one")
    tensor: int = Field(1, ge=1, description="processes that share each matrix of the layers; on one machine")

    @property
    def group(self) -> int:
        """Processes that hold one copy of the model together."""
        return self.shard * self.context * self.tensor

    @property
    def plain(self) -> bool:
        return self.group == 1
