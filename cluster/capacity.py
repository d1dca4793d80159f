"""What this Ray cluster can give now and at most, and a plain word where work has to wait for it. Needs a Ray session.

Counting is room.py's. Not for placing anything: Ray does.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cluster.errors import ResourceError
from cluster.observe.progress import Reporter, Value
from cluster.room import Addable, Holder, Resources, Room

WAITING = "waiting_for_machines"
_AGAIN_SECONDS = 60.0
_FIRST_SECONDS = 5.0  # a group that finds its place takes less
_UNLIMITED = 10_000  # machines of a kind that has no upper limit
_NODE_GROUP = "ray.io/node-group"


def current_room() -> Room:
    """One look at the cluster that this process is a driver of."""
    import ray
    from ray._private.state import state

    nodes: list[dict[str, Any]] = [each for each in ray.nodes() if each["Alive"]]  # type: ignore[no-untyped-call]
    free = state.available_resources_per_node()  # type: ignore[no-untyped-call]
    return Room(
        free=tuple(free.get(each["NodeID"], {}) for each in nodes),
        total=tuple(each["Resources"] for each in nodes),
        addable=_addable(nodes),
        holders=_holders(),
    )


def _addable(nodes: list[dict[str, Any]]) -> tuple[Addable, ...]:
    from ray._private.state import state

    config = state.get_cluster_config()
    if config is None:
        return ()
    there = Counter(each["Labels"].get(_NODE_GROUP, "") for each in nodes)
    found = []
    for group in config.node_group_configs:
        most = group.max_count if group.max_count >= 0 else _UNLIMITED
        found.append(Addable(dict(group.resources), max(0, most - there[group.name])))
    return tuple(found)


def _holders() -> tuple[Holder, ...]:
    from ray._private.state import state
    from ray.core.generated.gcs_pb2 import ActorTableData  # type: ignore[attr-defined]

    accessor = state._connect_and_get_accessor()
    actors = [ActorTableData.FromString(each) for each in accessor.get_actor_table(None, "ALIVE")]
    return tuple(Holder(each.name or each.class_name, dict(each.required_resources)) for each in actors)


def require_room(room: Room, shape: Resources, count: int, for_what: str, remedy: str) -> None:
    """Refuse at once what no machine can hold, whatever ends and whatever comes. Raises ResourceError."""
    if (most := room.fits_ever(shape)) < count:
        raise ResourceError(
            f"{for_what} asks for {count} x ({told(shape)}), each on one machine",
            f"this cluster can hold {most or 'none'} of them",
            f"{remedy}, or run on a larger cluster with --address",
        )


def waiting_facts(room: Room, shape: Resources, count: int) -> dict[str, Value]:
    """What is wanted, what is there and what may come, in machines' terms; and who holds what is short."""
    facts: dict[str, Value] = {
        "wanted": f"{count} x ({told(shape)})",
        "free": room.fits_now(shape),
        "possible": room.fits_grown(shape),
    }
    names = [f"{each.name} ({key} {each.resources[key]:g})" for key in shape for each in room.held_by(key)]
    if names:
        facts["held_by"] = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if room.fits_grown(shape) < count:
        facts["until"] = "something that runs now has ended"
    return facts


def told(shape: Resources) -> str:
    """`CPU 2, GPU 1`."""
    return ", ".join(f"{key} {value:g}" for key, value in shape.items() if value)


class Waiting:
    """Tells while Ray still looks for a place for a group of equal pieces: one line at once, then one a minute."""

    def __init__(self, reporter: Reporter, shape: Resources, count: int) -> None:
        self._reporter, self._shape, self._count = reporter, dict(shape), count
        self._next = time.monotonic() + _FIRST_SECONDS

    def begin(self, room: Room) -> None:
        """Tell at once where the room is not there yet."""
        if room.fits_now(self._shape) < self._count:
            self._tell(room)

    def look(self) -> None:
        """To be called often."""
        if time.monotonic() >= self._next and self.pending():
            self._tell(current_room())

    def pending(self) -> bool:
        """Whether Ray holds such a group that has no place."""
        from ray.util.placement_group import placement_group_table

        groups: Mapping[str, Any] = placement_group_table()
        return any(each["state"] == "PENDING" and self._is_ours(each["bundles"]) for each in groups.values())

    def _is_ours(self, bundles: Mapping[int, Resources]) -> bool:
        return len(bundles) == self._count and all(dict(each) == self._shape for each in bundles.values())

    def _tell(self, room: Room) -> None:
        self._next = time.monotonic() + _AGAIN_SECONDS
        self._reporter.note(WAITING, **waiting_facts(room, self._shape, self._count))
