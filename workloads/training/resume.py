"""Put a process where the newest checkpoint left its run. What the others then copy from it: loop.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from cluster.errors import ArtifactError
from workloads.models.folder import named_weights
from workloads.training.checkpoint import LEDGER, METRICS, Checkpoint, CheckpointStore, LoopState, restore_random_state
from workloads.training.optimizer import create_state, restore_optimizer


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on, with the metrics and the ledger so far."""

    state: LoopState
    metrics: list[str]
    ledger: list[str]


def resume(
    model: PreTrainedModel,
    optimizer: torch.optim.AdamW,
    checkpoints: CheckpointStore,
    fresh: LoopState,
    note: Callable[[str], None],
) -> Resumed:
    """Fill model and optimizer from the newest whole checkpoint, or leave them at step 0 with the state `fresh`."""
    found = checkpoints.newest(note)
    create_state(model, optimizer)
    if found is not None:
        _fill(model, optimizer, found)
    state = found.state if found is not None else fresh
    restore_random_state(state)
    if found is None:
        return Resumed(state, [], [])
    return Resumed(state, found.lines(METRICS), found.lines(LEDGER))


@torch.no_grad()
def _fill(model: PreTrainedModel, optimizer: torch.optim.AdamW, checkpoint: Checkpoint) -> None:
    load_weights(model, checkpoint.weights())
    restore_optimizer(model, optimizer, checkpoint.optimizer())


@torch.no_grad()
def load_weights(model: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Raises ArtifactError where the names or shapes are not the model's."""
    targets = named_weights(model)
    if targets.keys() != weights.keys() or any(targets[name].shape != weights[name].shape for name in targets):
        raise ArtifactError("the checkpoint's weights are not those of this model", "", "delete the checkpoint and run again")
    for name, target in targets.items():
        target.copy_(weights[name])
