"""Who waits for room in this Ray cluster, and which machines are on their way out. Needs a Ray session.

What there is: capacity.py. Not for deciding anything.
"""

import math
from dataclasses import dataclass

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.core.generated.autoscaler_pb2 import ClusterResourceState, NodeStatus  # type: ignore[attr-defined]

from cluster.room import Resources, Room


@dataclass(frozen=True)
class Demand:
    """`waiting`: what single tasks and actors ask for and have not got, with how many ask; groups of workers wait as gangs and
    are not here. `leaving`: machines with work on them that drain, by Ray's node id; an idle one that goes has none."""

    waiting: tuple[tuple[Resources, int], ...] = ()
    leaving: frozenset[str] = frozenset()

    def pieces(self, shape: Resources, room: Room) -> int:
        """Pieces of a shape that would have to go for those who wait and whom no machine that may still come will hold. Who
        asks for more than any machine has is not waited for."""
        waiting = [(asked, count) for asked, count in self.waiting if room.fits_ever(asked)]
        most = 0
        for key, value in shape.items():
            wanted = sum(asked.get(key, 0.0) * count for asked, count in waiting)
            to_come = sum(each.resources.get(key, 0.0) * each.count for each in room.addable)
            if value > 0 and wanted > to_come:
                most = max(most, math.ceil((wanted - to_come) / value))
        return most


def current_demand() -> Demand:
    """One look at the cluster that this process is a driver of."""
    state = get_cluster_resource_state(GcsClient(address=ray.get_runtime_context().gcs_address))
    return Demand(_waiting(state), _leaving(state))


def _waiting(state: ClusterResourceState) -> tuple[tuple[Resources, int], ...]:
    return tuple((dict(each.request.resources_bundle), each.count) for each in state.pending_resource_requests)


def _leaving(state: ClusterResourceState) -> frozenset[str]:
    return frozenset(
        node.node_id.hex()
        for node in state.node_states
        if node.status == NodeStatus.DRAINING
        and node.available_resources.get("CPU", 0.0) < node.total_resources.get("CPU", 0.0)
    )
