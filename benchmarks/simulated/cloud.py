"""A cloud and a head's resource table on paper, with a clock of their own. Ray's autoscaler reads them as it reads real ones.

Not for deciding anything: what is launched and when is Ray's choice (rounds.py drives it).
"""

import itertools
from dataclasses import dataclass, field
from typing import Literal

from ray.autoscaler.v2.instance_manager.node_provider import CloudInstance, ICloudInstanceProvider
from ray.core.generated import autoscaler_pb2, instance_manager_pb2

HEAD, WORKER = "head", "worker"
Ask = Literal["tasks", "shapes", "gang", "spread", "bundle"]


@dataclass(frozen=True)
class Demand:
    """Work that needs `machines` whole machines of `cpus`, and how it is asked for.

    tasks: equal tasks of one machine each. shapes: the same, no two alike. gang: one placement group. spread: one that puts
    each bundle on another machine (STRICT_SPREAD). bundle: `request_resources` ahead of the work.
    """

    machines: int
    cpus: int
    ask: Ask = "tasks"


@dataclass
class Clock:
    """Simulated seconds."""

    now: float = 0.0


@dataclass
class _Machine:
    id: str
    request: str
    listed: float  # when the provider lists it
    joined: float  # when its raylet has registered


@dataclass
class Cloud(ICloudInstanceProvider):
    """Lists a machine `accept_seconds` after it was asked for; its raylet joins `start_seconds` after that."""

    clock: Clock
    accept_seconds: float
    start_seconds: float
    machines: list[_Machine] = field(default_factory=list)
    largest_order: int = 0
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def launch(self, shape: dict[str, int], request_id: str) -> None:
        listed = self.clock.now + self.accept_seconds
        self.largest_order = max(self.largest_order, shape[WORKER])
        for _ in range(shape[WORKER]):
            self.machines.append(_Machine(f"m{next(self._numbers)}", request_id, listed, listed + self.start_seconds))

    def get_non_terminated(self) -> dict[str, CloudInstance]:
        kinds = instance_manager_pb2.NodeKind
        found = {HEAD: CloudInstance(HEAD, HEAD, kinds.HEAD, True)}
        for each in self.machines:
            if each.listed <= self.clock.now:
                found[each.id] = CloudInstance(each.id, WORKER, kinds.WORKER, True, each.request)
        return found

    def terminate(self, ids: list[str], request_id: str) -> None:
        self.machines = [each for each in self.machines if each.id not in set(ids)]

    def poll_errors(self) -> list[Exception]:
        return []

    def joined(self) -> list[_Machine]:
        return [each for each in self.machines if each.joined <= self.clock.now]


class Head:
    """What the autoscaler asks the head for: machines that are there, demand that waits. Stands in for a GcsClient."""

    address = "127.0.0.1:1"

    def __init__(self, demand: Demand, cloud: Cloud) -> None:
        self._demand, self._cloud, self._version = demand, cloud, 0

    def get_cluster_resource_state(self) -> bytes:
        """The reply as it comes over the wire, so that parsing it is in the measured time too."""
        self._version += 1
        joined = self._cloud.joined()
        reply = autoscaler_pb2.GetClusterResourceStateReply()
        state = reply.cluster_resource_state
        state.cluster_resource_state_version = self._version
        self._add_node(state, HEAD, HEAD, 0, busy=False)
        state.node_states[0].total_resources["node:__internal_head__"] = 1  # how Ray knows the head
        busy = len(joined) if self._demand.ask in ("tasks", "shapes") else 0
        for index, each in enumerate(joined):
            self._add_node(state, each.id, WORKER, self._demand.cpus, busy=index < busy)
        _ask(state, self._demand, self._demand.machines - len(joined))
        return bytes(reply.SerializeToString())

    def _add_node(self, state: autoscaler_pb2.ClusterResourceState, name: str, kind: str, cpus: int, busy: bool) -> None:
        node = state.node_states.add(node_id=name.encode().ljust(28, b"\0"), instance_id=name, ray_node_type_name=kind)
        node.status = autoscaler_pb2.NodeStatus.RUNNING
        node.node_ip_address = name
        node.total_resources["CPU"] = cpus
        node.available_resources["CPU"] = 0 if busy else cpus


def _ask(state: autoscaler_pb2.ClusterResourceState, demand: Demand, missing: int) -> None:
    if missing <= 0:
        return
    if demand.ask == "tasks":
        state.pending_resource_requests.add(count=missing).request.resources_bundle["CPU"] = demand.cpus
    elif demand.ask == "shapes":
        for number in range(missing):
            bundle = state.pending_resource_requests.add(count=1).request.resources_bundle
            bundle["CPU"], bundle["memory"] = demand.cpus, 1 + number
    elif demand.ask == "bundle":
        constraint = state.cluster_resource_constraints.add()
        constraint.resource_requests.add(count=demand.machines).request.resources_bundle["CPU"] = demand.cpus
    else:
        selector = state.pending_gang_resource_requests.add().bundle_selectors.add()
        for _ in range(demand.machines):
            request = selector.resource_requests.add()
            request.resources_bundle["CPU"] = demand.cpus
            if demand.ask == "spread":
                constraint = request.placement_constraints.add()
                constraint.anti_affinity.label_name, constraint.anti_affinity.label_value = "_PG_1", ""
