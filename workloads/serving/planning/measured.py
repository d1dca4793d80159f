"""A measurement as it is kept in the store: which model, engine and machine, what was seen, and how good its own forecast was.

One file per model, kind of machine and way of serving; measuring again replaces it. Not for measuring (measure.py).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cluster import storage
from cluster.artifacts import Artifact, store_of
from cluster.errors import StorageError
from cluster.observe.footprint import Footprint
from cluster.storage import Location
from workloads.serving.planning.costs import Costs, Point, Shape
from workloads.serving.planning.machine import MachineKind

FOLDER = "measured"
_FORMAT = 1


@dataclass(frozen=True)
class Way:
    """How a replica runs: all that its speed depends on beside model and machine."""

    engine: str
    weights: str
    threads: int
    slots: int

    @property
    def key(self) -> str:
        return f"{self.engine}-{self.weights}-{self.threads}-{self.slots}"


@dataclass(frozen=True)
class Check:
    """A load that the costs were not taken from: what they foretell, and what was seen, in answer tokens per second."""

    seen: Point
    foretold: float

    @property
    def error(self) -> float:
        """0.1: a tenth too much."""
        return self.foretold / self.seen.tokens_per_second - 1


@dataclass(frozen=True)
class Memory:
    """Of a replica's process: before the model, with it, and after all that was measured, when the cache had been written for
    `cached_tokens`; keys and values of one token take `token_bytes`."""

    bare: Footprint
    loaded: Footprint
    used: Footprint
    cached_tokens: int
    token_bytes: int

    def with_cache_of(self, tokens: int) -> Footprint:
        """Once the cache has been written for so many tokens."""
        return Footprint(self.used.own + max(0, tokens - self.cached_tokens) * self.token_bytes, self.used.mapped)


@dataclass(frozen=True)
class Measured:
    """`load_seconds` to load the engine, all libraries imported; `busy`: the machine's load average before."""

    model: str
    machine: MachineKind
    way: Way
    costs: Costs
    checks: tuple[Check, ...]
    memory: Memory
    load_seconds: float
    max_context: int
    parameters: int
    created: str
    busy: float

    @property
    def uncertainty(self) -> float:
        """By how much, as a share, a forecast may be off: the larger of how far the machine's speed varied and how far off the
        forecasts were that could be checked."""
        return max([point.scatter for point in self.costs.points] + [abs(check.error) for check in self.checks])

    def to_json(self) -> bytes:
        return (json.dumps({"format": _FORMAT} | asdict(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()

    @staticmethod
    def from_json(data: bytes) -> "Measured":
        """Raises ValueError, KeyError or TypeError for what is none, or of another version."""
        raw = json.loads(data)
        if raw.pop("format") != _FORMAT:
            raise ValueError("another format")
        costs, memory = raw.pop("costs"), raw.pop("memory")
        return Measured(
            machine=MachineKind(**raw.pop("machine")),
            way=Way(**raw.pop("way")),
            costs=Costs(tuple(map(_point, costs["points"])), tuple((each[0], each[1]) for each in costs["prompts"])),
            checks=tuple(Check(_point(each["seen"]), each["foretold"]) for each in raw.pop("checks")),
            memory=Memory(
                Footprint(**memory["bare"]),
                Footprint(**memory["loaded"]),
                Footprint(**memory["used"]),
                memory["cached_tokens"],
                memory["token_bytes"],
            ),
            **raw,
        )


def keep(model: Artifact, measured: Measured) -> Location:
    """Into the store that the model stands in; where it is."""
    file = _folder(model) / f"{measured.machine.key}--{measured.way.key}.json"
    storage.write_bytes(file, measured.to_json())
    return file


def kept(model: Artifact) -> Iterator[Measured]:
    """All measurements of a model. Raises StorageError for one that cannot be read."""
    folder = _folder(model)
    for found in storage.list_files(folder):
        try:
            yield Measured.from_json(storage.read_bytes(folder / found.path))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"the measurement {folder / found.path} cannot be read ({error})", "", "measure again: `--measure`"
            ) from error


def _folder(model: Artifact) -> Location:
    return store_of(model).root / FOLDER / model.fingerprint


def _point(raw: dict[str, object]) -> Point:
    shape = raw.pop("shape")
    assert isinstance(shape, dict)
    return Point(shape=Shape(**shape), **raw)  # type: ignore[arg-type]
