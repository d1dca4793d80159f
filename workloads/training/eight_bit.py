"""AdamW whose averages take a byte a number instead of four (Dettmers et al., arXiv 2110.02861), from the package torchao.

Small tensors stay in f32. On a GPU the update is compiled, on a processor it is computed as it is written, without a compiler. Not
for models that are cut over processes (`training.parallel`): they cut the averages already.
"""

from collections.abc import Iterator
from typing import Any

import torch

from cluster.errors import DependencyError

BYTES_PER_PARAMETER = 2 * (1 + 4 / 256)  # two averages, and an f32 scale for each block of 256


def adamw_8bit(groups: list[dict[str, Any]], rate: float, betas: tuple[float, float], epsilon: float) -> torch.optim.Optimizer:
    """Raises DependencyError where torchao is not installed."""
    try:
        from torchao.optim import AdamW8bit
    except ImportError as error:
        raise DependencyError(
            "training.optimizer_states 8bit needs the package torchao", "", "pip install 'hanlin[eight-bit]'"
        ) from error
    optimizer: torch.optim.Optimizer = AdamW8bit(groups, lr=rate, betas=betas, eps=epsilon)
    return optimizer


def is_8bit(optimizer: torch.optim.Optimizer) -> bool:
    return type(optimizer).__module__.startswith("torchao.")


def fresh_state(optimizer: Any, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the optimizer keeps for a weight at step 0."""
    step = torch.zeros((), dtype=torch.float32)
    signed, unsigned = (optimizer._new_buffer(parameter, each) for each in (True, False))
    return {"step": step, "exp_avg": signed, "exp_avg_sq": unsigned}


def update(optimizer: torch.optim.Optimizer) -> None:
    """One step."""
    if all(each.device.type == "cpu" for group in optimizer.param_groups for each in group["params"]):
        with torch.compiler.set_stance("force_eager"):
            optimizer.step()
    else:
        optimizer.step()


def stored(key: str, value: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain tensors behind one that is kept, by name; the table of what a byte stands for is the same for all, and left out."""
    if not hasattr(value, "codes"):
        yield key, value
        return
    yield f"{key}.codes", value.codes
    yield f"{key}.scale", value.scale  # type: ignore[attr-defined]
