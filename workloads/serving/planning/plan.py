"""From measured costs to replicas and machines: the most requests per second that one replica takes within the aims, then how many of
them, then how many fit on a machine.

Pure. The figures are of one replica that had its processors to itself; what is assumed beyond that is told by who shows the plan.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from cluster.errors import UserError
from cluster.observe.footprint import Footprint
from workloads.serving.planning.costs import Costs, Shape
from workloads.serving.planning.occupancy import mean, occupancy, quantile
from workloads.serving.planning.traffic import PERCENTILE, Aims, Traffic

_HALVINGS = 40
_NEARLY_NOTHING = 1e-6  # requests per second
_BEYOND = 1.02  # times a replica's most requests, to see which aim it meets there


@dataclass(frozen=True)
class Load:
    """What a replica is at under so many requests per second: those at work on the mean, what most of them see, and the share of
    all it could do."""

    requests_per_second: float
    at_once: float
    first_seconds: float
    token_seconds: float
    used: float


@dataclass(frozen=True)
class Sizing:
    """`most` requests per second that a replica takes within the aims, and which of them it meets there (`limit`)."""

    replicas: int
    load: Load
    most: float
    limit: str


@dataclass(frozen=True)
class Need:
    """Of one replica: logical processors, and memory."""

    processors: float
    memory: Footprint


@dataclass(frozen=True)
class Machines:
    """`each` replicas fit on a machine, whose `limit` is processors or memory; so many are needed, each using `memory_bytes`."""

    count: int
    each: int
    limit: str
    memory_bytes: int


def load_of(costs: Costs, slots: int, arrivals: float, shape: Shape, slow: float) -> Load | None:
    """A replica under a load, all its times `slow` times as long as measured; None where the line would grow for ever."""
    speed = _speed(costs, shape, slow)
    try:
        shares = occupancy(arrivals, speed, slots)
    except ValueError:
        return None
    there = quantile(shares, PERCENTILE)
    working = max(1, min(there + 1, slots))  # with the one who comes
    waiting = max(0, there + 1 - slots) / speed(slots)
    step = slow * costs.token_seconds(working, shape)
    first = waiting + slow * costs.prompt_seconds(shape.prompt) + step
    return Load(arrivals, mean(shares), first, step, arrivals / speed(slots))


def size(costs: Costs, slots: int, traffic: Traffic, aims: Aims, slow: float = 1.0) -> Sizing:
    """Replicas that share the traffic evenly and at random. Raises UserError for aims that a single request misses."""
    _require_possible(costs, slots, traffic.shape, aims, slow)
    low, high = _NEARLY_NOTHING, _speed(costs, traffic.shape, slow)(slots)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        within = not _missed(load_of(costs, slots, middle, traffic.shape, slow), aims)
        low, high = (middle, high) if within else (low, middle)
    replicas = max(1, math.ceil(traffic.requests_per_second / low - 1e-9))
    load = load_of(costs, slots, traffic.requests_per_second / replicas, traffic.shape, slow)
    assert load is not None
    return Sizing(replicas, load, low, _missed(load_of(costs, slots, low * _BEYOND, traffic.shape, slow), aims))


def machines_for(replicas: int, need: Need, processors: int, memory_bytes: float, kept: float) -> Machines:
    """Machines of a size, `kept` bytes of each for the system and Ray. Raises UserError where not one replica fits."""
    by_processors = int(processors / need.processors + 1e-9) if need.processors else replicas
    room = memory_bytes - kept - need.memory.mapped
    by_memory = int(room / need.memory.own) if room > 0 else 0
    each = min(by_processors, by_memory)
    if not each:
        what = "processors" if not by_processors else "memory"
        raise UserError(
            f"a replica needs {need.processors:g} processors and {_gb(need.memory.resident)}, with {_gb(kept)} for system and Ray",
            f"machines have {processors} processors and {_gb(memory_bytes)}: not enough {what}",
            "plan for larger ones with --machine-cpus and --machine-memory, or lower serving.slots or serving.max_context",
        )
    limit = "memory" if by_memory < by_processors else "processors"
    return Machines(math.ceil(replicas / each), each, limit, need.memory.of_many(min(each, replicas)) + int(kept))


def _speed(costs: Costs, shape: Shape, slow: float) -> Callable[[int], float]:
    return lambda there: costs.requests_per_second(there, shape) / slow


def _missed(load: Load | None, aims: Aims) -> str:
    """The first aim that a load misses; empty where it meets all."""
    if load is None:
        return "what a replica computes"
    if load.token_seconds > aims.token:
        return "the time per token"
    return "the time to the first token" if load.first_seconds > aims.first else ""


def _require_possible(costs: Costs, slots: int, shape: Shape, aims: Aims, slow: float) -> None:
    alone = load_of(costs, slots, _NEARLY_NOTHING, shape, slow)
    assert alone is not None
    if _missed(alone, aims):
        raise UserError(
            f"the aims are {aims.first:g} s to the first token and {1000 * aims.token:g} ms per token",
            f"a request that is alone takes {alone.first_seconds:.3g} s and {1000 * alone.token_seconds:.3g} ms",
            "lengthen --first-token or --per-token, or serve fewer bits (serving.weights) or with more threads, and measure again",
        )


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
