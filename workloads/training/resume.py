"""Put a run where its newest checkpoint left it, in every process alike: rank 0 reads, the others receive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from cluster.errors import ArtifactError
from workloads.models.folder import named_weights
from workloads.training.checkpoint import LEDGER, METRICS, Checkpoint, CheckpointStore, LoopState, restore_random_state
from workloads.training.communicator import Communicator, share_json
from workloads.training.optimizer import create_state, optimizer_tensors, restore_optimizer


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on; metrics and ledger so far are known to rank 0 alone."""

    state: LoopState
    metrics: list[str]
    ledger: list[str]


def resume(
    model: PreTrainedModel,
    optimizer: torch.optim.AdamW,
    checkpoints: CheckpointStore,
    group: Communicator,
    fresh: LoopState,
    note: Callable[[str], None],
    at_most: int | None = None,
) -> Resumed:
    """Fill model and optimizer from the newest whole checkpoint (of step `at_most` or before), or leave them at step 0 with
    the state `fresh`.

    Weights and optimizer are equal to the bit in all processes afterwards.
    """
    found = checkpoints.newest(note, at_most) if group.rank == 0 else None
    create_state(model, optimizer)
    if found is not None:
        _fill(model, optimizer, found)
    state = found.state if found is not None else fresh
    device = next(model.parameters()).device
    state = LoopState.from_json(share_json(state.to_json(), group, device))
    for tensor in [*named_weights(model).values(), *optimizer_tensors(model, optimizer).values()]:
        group.copy_from_first(tensor.data)
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
