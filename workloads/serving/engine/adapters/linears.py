"""Adapters in a model of `transformers`, whatever its architecture: its linear layers, once an adapter changes them, ask for the
adapters of the pass.

Not for the fused decoder, which asks by itself (fused.py).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from workloads.serving.engine.adapters.files import LowRank
from workloads.serving.engine.adapters.mixture import Adapted, Change, Loaded, Site
from workloads.serving.engine.adapters.unfit import UnfitAdapterError
from workloads.serving.engine.int8 import QuantizedLinear


class AdaptableLinears:
    """Of one model; `adapted` are the adapters of the pass that it computes."""

    def __init__(self, model: nn.Module) -> None:
        self.adapted: Adapted | None = None
        self._model = model

    def adapt(self, layers: Mapping[str, LowRank], device: torch.device, dtype: torch.dtype) -> Loaded:
        """An adapter in the model's form. Raises UnfitAdapterError for what is no linear layer."""
        for name in layers:
            self._open(name)
        changes: dict[Site, Change] = {
            name: Change(each.down.to(device, dtype), (each.up.to(device, dtype),)) for name, each in layers.items()
        }
        return Loaded(changes)

    def _open(self, name: str) -> None:
        try:
            module = self._model.get_submodule(name)
        except AttributeError:
            module = None
        if isinstance(module, nn.Linear | QuantizedLinear):
            self._model.set_submodule(name, _AskingLinear(self, name, module))
        elif not isinstance(module, _AskingLinear):
            raise UnfitAdapterError(f"changes {name}", "linear layers of this model's blocks", "train it on those")


class _AskingLinear(nn.Module):
    def __init__(self, owner: AdaptableLinears, name: str, linear: nn.Module) -> None:
        super().__init__()
        self._owner, self._name, self._linear = owner, name, linear

    def forward(self, x: Tensor) -> Any:
        y = self._linear(x)
        if self._owner.adapted is not None:
            self._owner.adapted.add(self._name, x.reshape(-1, x.shape[-1]), y.view(-1, y.shape[-1]))
        return y
