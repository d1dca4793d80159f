"""Put a run where its newest checkpoint left it, in every process alike: rank 0 reads, the others receive.

A process that has yet to meet its peers is alone, and reads for itself; what it then copies from them: carried.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from cluster.errors import ArtifactError
from cluster.manifest import Json
from workloads.models.folder import named_weights
from workloads.training.checkpoint import LEDGER, METRICS, Checkpoint, CheckpointStore, LoopState, restore_random_state
from workloads.training.communicator import Communicator, share_json
from workloads.training.optimizer import TrainingOptimizer, create_state, optimizer_tensors, restore_optimizer
from workloads.training.placement import is_sharded, like_target


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on, with the metrics and the ledger so far."""

    state: LoopState
    metrics: list[str]
    ledger: list[str]


def resume(
    model: PreTrainedModel,
    optimizer: TrainingOptimizer,
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
    device = next(model.parameters()).device
    lines: dict[str, Json] = {name: list(found.lines(name)) if found else [] for name in (METRICS, LEDGER)}
    told: dict[str, Json] = {"state": (found.state if found else fresh).to_json(), "resumed": found is not None, **lines}
    shared = share_json(told, group, device)
    state = LoopState.from_json(shared["state"])  # type: ignore[arg-type]
    targets = {**named_weights(model), **optimizer_tensors(model, optimizer)}
    cut = found is not None and any(is_sharded(target) for target in targets.values())
    given = {**found.weights(), **found.optimizer()} if found is not None and cut else {}
    for name, target in targets.items():
        if not is_sharded(target):
            group.copy(target.data)
        elif shared["resumed"]:  # else every process has made the same fresh weights
            _take_part(target, given.get(name), group)
    restore_random_state(state)
    return Resumed(state, list(shared[METRICS]), list(shared[LEDGER]))  # type: ignore[arg-type]


@torch.no_grad()
def _take_part(target: torch.Tensor, value: torch.Tensor | None, group: Communicator) -> None:
    """This process's part of a tensor that rank 0 has whole."""
    full = torch.empty(target.shape, dtype=target.dtype, device=target.device) if value is None else value.to(target.device)
    group.copy(full)
    target.copy_(like_target(full, target))


@torch.no_grad()
def _fill(model: PreTrainedModel, optimizer: TrainingOptimizer, checkpoint: Checkpoint) -> None:
    load_weights(model, checkpoint.weights())
    restore_optimizer(model, optimizer, checkpoint.optimizer())


@torch.no_grad()
def load_weights(model: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Raises ArtifactError where the names or shapes are not the model's."""
    targets = named_weights(model)
    if targets.keys() != weights.keys() or any(targets[name].shape != weights[name].shape for name in targets):
        raise ArtifactError("the checkpoint's weights are not those of this model", "", "delete the checkpoint and run again")
    for name, target in targets.items():
        target.copy_(like_target(weights[name], target))
