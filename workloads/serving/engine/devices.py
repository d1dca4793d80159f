"""What a model runs on."""

import torch

from cluster.errors import UserError


def device_of(name: str) -> torch.device:
    """`auto`, `cpu` or `cuda`. Raises UserError where there is no accelerator."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("serving.device is cuda", "an accelerator that torch can use", "set it to auto or cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
