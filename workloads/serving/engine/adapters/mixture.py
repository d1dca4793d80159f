"""Several adapters in one pass: their low-rank matrices lie side by side, every token goes through all of them at once, and what is
not its own adapter's is set to zero in between.

Two products per layer, whatever the number of adapters, and no gathering of weights by row (as Punica does on GPUs, arXiv
2310.18547): for the few adapters of a batch the added columns cost less than the copies would. Where a pass has one adapter
alone, nothing is masked. Not for where adapters come from (shelf.py) or which layers a model has (the decoders).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import Tensor

Site = Hashable
"""A place in a model where one input goes through one product, for one linear layer or several whose outputs lie side by side."""


@dataclass(frozen=True, eq=False)
class Change:
    """Of one site: `down` [sum of ranks, inputs], layer by layer, and `ups` of its layers, [rank, outputs] each; rank 0 where a
    layer stays as it is."""

    down: Tensor
    ups: tuple[Tensor, ...]

    def downs(self) -> tuple[Tensor, ...]:
        """`down` by layer."""
        return torch.split(self.down, [len(up) for up in self.ups])


@dataclass(frozen=True, eq=False)
class Loaded:
    """An adapter as the decoder wants it, on its device."""

    changes: Mapping[Site, Change]

    @property
    def rank(self) -> int:
        """The most columns that it needs at a site."""
        return max(len(change.down) for change in self.changes.values())


@dataclass(frozen=True, eq=False)
class _Joined:
    """A site of all members: as a change of its own, and which member each column is of."""

    change: Change
    owners: tuple[int, ...]


class Mixture:
    """Some adapters side by side, joined site by site as passes come to them; one alone is not copied."""

    def __init__(self, members: Sequence[Loaded]) -> None:
        self.members = {member: number for number, member in enumerate(members)}
        self.rank = sum(member.rank for member in members)
        self._sites: dict[Site, _Joined | None] = {}

    def at(self, site: Site) -> _Joined | None:
        """None where no adapter changes anything."""
        if site not in self._sites:
            here = [(number, member.changes[site]) for member, number in self.members.items() if site in member.changes]
            self._sites[site] = _join(here) if here else None
        return self._sites[site]


def _join(changes: Sequence[tuple[int, Change]]) -> _Joined:
    layers = range(len(changes[0][1].ups))
    owners = tuple(number for layer in layers for number, change in changes for _ in range(len(change.ups[layer])))
    if len(changes) == 1:
        return _Joined(changes[0][1], owners)
    downs = zip(*(change.downs() for _, change in changes), strict=True)
    ups = zip(*(change.ups for _, change in changes), strict=True)
    return _Joined(Change(torch.cat([down for layer in downs for down in layer]), tuple(map(torch.cat, ups))), owners)


class Adapted:
    """The adapters of one pass. `owners` [tokens] is the number of each token's adapter in the mixture, -1 where it has none;
    None where all have the only one."""

    def __init__(self, mixture: Mixture, owners: Tensor | None) -> None:
        self._mixture, self._owners = mixture, owners
        self._others: dict[tuple[int, ...], Tensor] = {}

    def add(self, site: Site, x: Tensor, y: Tensor) -> None:
        """Add what the adapters change to y [tokens, outputs of all the site's layers], in place, for x [tokens, inputs]."""
        joined = self._mixture.at(site)
        if joined is None:
            return
        low = F.linear(x, joined.change.down)
        if self._owners is not None:
            low.masked_fill_(self._not_own(joined.owners, self._owners), 0)  # a product with 0 would let NaN through
        column = start = 0
        for up in joined.change.ups:
            if len(up):
                y[:, start : start + up.shape[1]].addmm_(low[:, column : column + len(up)], up)
            column, start = column + len(up), start + up.shape[1]

    def _not_own(self, columns: tuple[int, ...], owners: Tensor) -> Tensor:
        if columns not in self._others:
            self._others[columns] = owners[:, None] != torch.tensor(columns, device=owners.device)
        return self._others[columns]


class Mixer:
    """Makes the mixtures of passes; keeps the last as long as they serve, since joining copies weights."""

    def __init__(self) -> None:
        self._kept = self._alone = Mixture(())

    def adapted(
        self, rows: Sequence[Loaded | None], every: Sequence[Loaded | None], width: int, device: torch.device
    ) -> Adapted | None:
        """For a pass over `rows` of `width` tokens each; `every` row of the batch will have its pass before long. None where no
        row has an adapter."""
        here = set(rows)
        if here == {None}:
            return None
        if len(here) == 1:
            return Adapted(self._mixture_of(here.pop()), None)
        mixture = self._mixture(tuple(dict.fromkeys(row for row in every if row is not None)))
        owners = torch.tensor([-1 if row is None else mixture.members[row] for row in rows], device=device)
        return Adapted(mixture, owners if width == 1 else owners.repeat_interleave(width))

    def forget(self, adapter: Loaded) -> None:
        """Hold nothing of it any more. From any thread."""
        if adapter in self._kept.members:
            self._kept = Mixture(())
        if adapter in self._alone.members:
            self._alone = Mixture(())

    def _mixture(self, wanted: Sequence[Loaded]) -> Mixture:
        """One that has all that are wanted, and not more columns for nothing than for these."""
        kept = self._kept
        if any(each not in kept.members for each in wanted) or kept.rank > 2 * sum(each.rank for each in wanted):
            self._kept = kept = Mixture(wanted)
        return kept

    def _mixture_of(self, adapter: Loaded | None) -> Mixture:
        alone = self._alone
        if adapter is not None and adapter not in alone.members:
            self._alone = alone = Mixture([adapter])
        return alone
