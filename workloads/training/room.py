"""What the cluster has free, and who waits for room: one look, for training's size. Not for deciding anything."""

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.core.generated.autoscaler_pb2 import ClusterResourceState, NodeStatus  # type: ignore[attr-defined]

from cluster.session import reachable_resources
from workloads.training.sizing import Stand


def look(resource: str) -> Stand:
    """Free units of a resource ("CPU" or "GPU"), and those that single tasks and actors wait for although the autoscaler can
    add no machine for them. Groups of workers, our own restart among them, wait as gangs and are not counted."""
    state = get_cluster_resource_state(GcsClient(address=ray.get_runtime_context().gcs_address))
    now: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    waiting = sum(each.count * each.request.resources_bundle.get(resource, 0.0) for each in state.pending_resource_requests)
    to_come = reachable_resources().get(resource, 0.0) - now.get(resource, 0.0)
    return Stand(free.get(resource, 0.0), max(0.0, waiting - to_come), leaving_machines(state))


def leaving_machines(state: ClusterResourceState) -> frozenset[str]:
    """Machines that drain with work on them, by Ray's node id; an idle one that the autoscaler takes away has none."""
    return frozenset(
        node.node_id.hex()
        for node in state.node_states
        if node.status == NodeStatus.DRAINING
        and node.available_resources.get("CPU", 0.0) < node.total_resources.get("CPU", 0.0)
    )
