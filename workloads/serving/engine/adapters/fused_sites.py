"""Where adapters reach into the fused decoder: which linear layers one product computes together, and what was folded into them.

Not for the arithmetic (mixture.py) nor for the decoder's own (fused.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workloads.serving.engine.adapters.files import LowRank
from workloads.serving.engine.adapters.mixture import Change, Loaded, Site
from workloads.serving.engine.adapters.unfit import UnfitAdapterError


@dataclass(frozen=True)
class JoinedLayers:
    """Linear layers of one input, with their numbers of outputs; `norm` is the weight of the norm before them, where it is folded
    into theirs."""

    outputs: Mapping[str, int]
    norm: Tensor | None = None

    def change(self, layers: Mapping[str, LowRank], device: torch.device, dtype: torch.dtype) -> Change:
        """What an adapter changes here, in the decoder's form."""
        there = [layers.get(name) for name in self.outputs]
        down = torch.cat([each.down for each in there if each is not None]).to(device)
        ups = [
            torch.zeros(0, outputs) if each is None else each.up
            for each, outputs in zip(there, self.outputs.values(), strict=True)
        ]
        folded = down if self.norm is None else down * self.norm.float()
        return Change(folded.to(dtype), tuple(up.to(device, dtype) for up in ups))


def in_sites(
    sites: Mapping[Site, JoinedLayers], layers: Mapping[str, LowRank], device: torch.device, dtype: torch.dtype
) -> Loaded:
    """An adapter by the sites that it changes. Raises UnfitAdapterError for a layer of none of them."""
    known = {name for site in sites.values() for name in site.outputs}
    if odd := sorted(layers.keys() - known):
        raise UnfitAdapterError(f"changes {odd[0]}", f"layers such as {_some(known)}", "train it on those")
    changed = {site: joined for site, joined in sites.items() if layers.keys() & joined.outputs.keys()}
    return Loaded({site: joined.change(layers, device, dtype) for site, joined in changed.items()})


def _some(names: set[str]) -> str:
    short: Sequence[str] = sorted({name.rpartition(".")[2] for name in names})
    return ", ".join(short)
