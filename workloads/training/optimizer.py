"""The optimizers of a decoder's weights as one, and their state as named tensors that safetensors can hold.

AdamW for all weights, or Muon (Jordan et al. 2024) for the matrices within the layers beside AdamW for embeddings, output layer
and norms. Not for the learning rate's course: schedule.py.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from cluster.errors import ArtifactError
from workloads.training import eight_bit
from workloads.training.placement import by_mesh, like_target
from workloads.training.spec import TrainingSpec
from workloads.training.transfer import EMBEDDINGS, rate_factor, width_ratio

AVERAGE = "average"  # of the weights themselves, kept with the state of the optimizer
_KEPT: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.Muon: ("momentum_buffer",),
}
_FACTOR = "rate_factor"  # of a group's learning rate
_AVERAGE_WARMUP = 10  # the average of t steps weighs the newest by at least 9 / (10 + t): few steps do not remember the start


class TrainingOptimizer:
    """torch optimizers over disjoint weights: one step, one list of groups, one state. `average` is the share that the running
    average of the weights keeps at each step; 0 keeps none."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer], average: float = 0.0) -> None:
        self.parts, self.average = tuple(parts), average
        self._steps: int | None = None

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step, in each group times its factor."""
        for group in self.param_groups:
            wanted = rate * group.get(_FACTOR, 1.0)
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(wanted)
            else:
                group["lr"] = wanted

    def step(self) -> None:
        for part in self.parts:
            if eight_bit.is_8bit(part):
                eight_bit.update(part)
            else:
                part.step()
        if self.average:
            self._follow()

    def state(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        """What is kept for a weight; empty before `create_state`."""
        return next((part.state[parameter] for part in self.parts if parameter in part.state), {})

    @torch.no_grad()
    def create(self) -> None:
        """The state of step 0."""
        for part in self.parts:
            for parameter in (each for group in part.param_groups for each in group["params"]):
                part.state[parameter] = _fresh_state(part, parameter)
                if self.average:
                    part.state[parameter][AVERAGE] = parameter.detach().clone()
        self._steps = None

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the newest ones, which come back to the bit; nothing where none is kept."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for parameter in self.parameters if self.average else ():
            kept = self.state(parameter)[AVERAGE]
            newest = parameter.detach().clone()
            parameter.copy_(kept)
            kept.copy_(newest)

    @torch.no_grad()
    def _follow(self) -> None:
        if self._steps is None:
            self._steps = (
                int(next(self.state(each)["step"] for each in self.parameters if "step" in self.state(each)).item()) - 1
            )
        self._steps += 1
        share = max(1 - self.average, (_AVERAGE_WARMUP - 1) / (_AVERAGE_WARMUP + self._steps))
        for parameter in self.parameters:
            self.state(parameter)[AVERAGE].lerp_(parameter.detach(), share)


def make_optimizer(model: PreTrainedModel, spec: TrainingSpec) -> TrainingOptimizer:
    """Matrices decay, norms do not. AdamW's fused kernel updates all weights in one pass, on CPU and CUDA alike."""
    named = dict(sorted(model.named_parameters()))
    inner = {name for name, each in named.items() if each.ndim >= 2 and not name.endswith(EMBEDDINGS)}
    by_muon = inner if spec.optimizer == "muon" else set[str]()
    parts: list[torch.optim.Optimizer] = [
        _adamw({name: each for name, each in named.items() if name not in by_muon}, width_ratio(model, spec), spec)
    ]
    if by_muon:
        parts.append(_muon([each for name, each in named.items() if name in by_muon], spec))
    return TrainingOptimizer(parts, spec.weight_average)


def _adamw(named: Mapping[str, nn.Parameter], ratio: float, spec: TrainingSpec) -> torch.optim.Optimizer:
    """What a weight loses by decay in a step does not depend on its rate's factor (Wang, Aitchison, arXiv 2405.13698)."""
    alike: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, each in named.items():
        factor = rate_factor(name, each.ndim, ratio)
        alike.setdefault((factor, spec.weight_decay / factor if each.ndim >= 2 else 0.0), []).append(each)
    groups = [
        {"params": same, "weight_decay": decay, _FACTOR: factor}
        for (factor, decay), weights in alike.items()
        for same in by_mesh(weights)
    ]
    betas = (spec.beta1, spec.beta2)
    if spec.optimizer_states == "8bit":
        return eight_bit.adamw_8bit(groups, spec.learning_rate, betas, spec.epsilon)
    return torch.optim.AdamW(groups, lr=spec.learning_rate, betas=betas, eps=spec.epsilon, fused=True)


def _muon(matrices: list[nn.Parameter], spec: TrainingSpec) -> torch.optim.Muon:
    """Updates as large as AdamW's, so that one learning rate serves both (Liu et al., arXiv 2502.16982)."""
    return torch.optim.Muon(
        matrices,
        lr=spec.learning_rate,
        weight_decay=spec.weight_decay,
        momentum=spec.muon_momentum,
        adjust_lr_fn="match_rms_adamw",
    )


def _fresh_state(part: torch.optim.Optimizer, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    if eight_bit.is_8bit(part):
        return eight_bit.fresh_state(part, parameter)
    return {key: _fresh(key, parameter) for key in _KEPT[type(part)]}


def _fresh(key: str, parameter: torch.Tensor) -> torch.Tensor:
    if key == "step":
        return torch.zeros((), dtype=torch.float32, device=parameter.device)
    return torch.zeros_like(parameter)


def create_state(_model: nn.Module, optimizer: TrainingOptimizer) -> None:
    """The state of step 0, so that it can be filled by a copy from another process."""
    optimizer.create()


def optimizer_tensors(model: nn.Module, optimizer: TrainingOptimizer) -> dict[str, torch.Tensor]:
    """`<key>.<weight's name>` -> tensor, for every tensor that the optimizers keep."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for kept, value in optimizer.state(parameter).items():
            for key, tensor in eight_bit.stored(kept, value):
                tensors[f"{key}.{name}"] = tensor
    return tensors


@torch.no_grad()
def restore_optimizer(model: nn.Module, optimizer: TrainingOptimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises ArtifactError where a weight's state is missing or has another shape."""
    optimizer.create()
    for name, target in optimizer_tensors(model, optimizer).items():
        value = tensors.get(name)
        if value is None or value.shape != target.shape:
            raise ArtifactError(f"the optimizer state lacks {name}", "", "delete the checkpoint and run again")
        target.copy_(like_target(value, target))


def averaged_weights(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The running average of the weights among the tensors of an optimizer, by the weights' names; empty where none was kept."""
    prefix = f"{AVERAGE}."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
