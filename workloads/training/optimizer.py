"""AdamW over a decoder's weights, and its state as named tensors that safetensors can hold."""

from collections.abc import Mapping

import torch
from torch import nn

from cluster.errors import ArtifactError
from workloads.training.spec import TrainingSpec


def make_optimizer(model: nn.Module, spec: TrainingSpec) -> torch.optim.AdamW:
    """Matrices decay, norms do not. The fused kernel updates all weights in one pass, on CPU and CUDA alike."""
    named = sorted(model.named_parameters())
    groups = [
        {"params": [p for _, p in named if p.ndim >= 2], "weight_decay": spec.weight_decay},
        {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (spec.beta1, spec.beta2)
    return torch.optim.AdamW(groups, lr=spec.learning_rate, betas=betas, eps=spec.epsilon, fused=True)


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    """`<key>.<weight's name>` -> tensor, for every tensor that AdamW keeps."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}.{name}"] = value
    return tensors


def restore_optimizer(model: nn.Module, optimizer: torch.optim.AdamW, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises ArtifactError where a weight's state is missing or has another shape."""
    by_name = dict(model.named_parameters())
    for name, parameter in by_name.items():
        state = {}
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = tensors.get(f"{key}.{name}")
            if value is None or (key != "step" and value.shape != parameter.shape):
                raise ArtifactError(f"the optimizer state lacks {key} of {name}", "", "delete the checkpoint and run again")
            state[key] = value.to(parameter.device, copy=True)
        optimizer.state[parameter] = state


def create_state(model: nn.Module, optimizer: torch.optim.AdamW) -> None:
    """The state of step 0, so that it can be filled by a copy from another process."""
    for parameter in model.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
