"""How much room a cluster has for work that comes in equal pieces: free now, free and addable, or once all else has ended.

Counted machine by machine, since a piece never spans two: totals would promise what no machine can give. Pure; session.py asks
Ray. Not for placing anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Resources = Mapping[str, float]
_MOST = 1 << 20  # pieces of a shape that asks for nothing
_ROUNDING = 1e-4  # Ray counts in ten-thousandths


@dataclass(frozen=True)
class Addable:
    """Machines of one kind that the autoscaler may still add."""

    resources: Resources
    count: int


@dataclass(frozen=True)
class Holder:
    """An actor that holds some of the resources, by a name that a person knows."""

    name: str
    resources: Resources


@dataclass(frozen=True)
class Room:
    """One look at a cluster: for each machine what is free and what it has, and what may come."""

    free: tuple[Resources, ...]
    total: tuple[Resources, ...]
    addable: tuple[Addable, ...] = ()
    holders: tuple[Holder, ...] = ()

    def fits_now(self, shape: Resources) -> int:
        """Pieces that could start at once."""
        return _pieces(self.free, shape)

    def fits_grown(self, shape: Resources) -> int:
        """Pieces that could start once the autoscaler has added all it may, while all that runs now stays."""
        return self.fits_now(shape) + self._added(shape)

    def fits_ever(self, shape: Resources) -> int:
        """Pieces that could start once all that runs now has ended, too."""
        return _pieces(self.total, shape) + self._added(shape)

    def largest_share(self, count: int, also: Resources | None = None) -> int:
        """The most whole CPUs that each of `count` pieces can have, from what is free and addable; at least 1, also where
        not even that is free. `also`: what else each piece needs, e.g. a GPU."""
        sizes = [*(each.get("CPU", 0.0) for each in self.free), *(each.resources.get("CPU", 0.0) for each in self.addable)]
        for cpus in range(int(max(sizes, default=0.0) + _ROUNDING), 1, -1):
            if self.fits_grown({"CPU": cpus, **(also or {})}) >= count:
                return cpus
        return 1

    def held_by(self, key: str) -> list[Holder]:
        """The actors that hold some of a resource, the largest first."""
        found = [each for each in self.holders if each.resources.get(key, 0) > 0]
        return sorted(found, key=lambda each: (-each.resources[key], each.name))

    def _added(self, shape: Resources) -> int:
        return sum(each.count * _pieces([each.resources], shape) for each in self.addable)


def _pieces(machines: Iterable[Resources], shape: Resources) -> int:
    asked = {key: value for key, value in shape.items() if value > 0}
    if not asked:
        return _MOST
    return sum(min(int(each.get(key, 0.0) / value + _ROUNDING) for key, value in asked.items()) for each in machines)
