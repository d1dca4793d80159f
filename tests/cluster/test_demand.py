"""Who waits is counted in the pieces that would have to go; machines on their way out are named while they have work."""

import contextlib
from collections.abc import Iterator

import pytest
import ray
from ray.core.generated.autoscaler_pb2 import ClusterResourceState, NodeStatus

from cluster.demand import Demand, _leaving, current_demand
from cluster.room import Addable, Room
from cluster.session import Session
from tests.cluster.test_capacity import holding, wait_for

FULL = Room(free=({}, {}), total=({"CPU": 4, "GPU": 1}, {"CPU": 4}))


@pytest.mark.parametrize(
    ("asked", "count", "shape", "pieces"),
    [
        ({"CPU": 1}, 1, {"CPU": 2}, 1),
        ({"CPU": 1}, 3, {"CPU": 2}, 2),
        ({"CPU": 4}, 1, {"CPU": 2}, 2),
        ({"CPU": 5}, 1, {"CPU": 2}, 0),
        ({"GPU": 1}, 1, {"CPU": 2}, 0),
        ({"GPU": 1}, 1, {"CPU": 2, "GPU": 1}, 1),
        ({"memory": 8}, 1, {"CPU": 2}, 0),
    ],
)
def test_as_many_pieces_go_as_those_who_wait_need(
    asked: dict[str, float], count: int, shape: dict[str, float], pieces: int
) -> None:
    assert Demand(((asked, count),)).pieces(shape, FULL) == pieces


def test_whom_a_new_machine_will_hold_takes_nothing() -> None:
    growing = Room(FULL.free, FULL.total, addable=(Addable({"CPU": 4}, 1),))
    assert Demand((({"CPU": 2}, 2),)).pieces({"CPU": 2}, growing) == 0
    assert Demand((({"CPU": 2}, 3),)).pieces({"CPU": 2}, growing) == 1


def test_an_idle_machine_that_drains_is_not_leaving_work() -> None:
    state = ClusterResourceState()
    for name, status, free in ((b"a", NodeStatus.DRAINING, 1), (b"b", NodeStatus.DRAINING, 4), (b"c", NodeStatus.RUNNING, 1)):
        node = state.node_states.add(node_id=name, status=status)
        node.total_resources["CPU"] = 4
        node.available_resources["CPU"] = free
    assert _leaving(state) == {b"a".hex()}


@contextlib.contextmanager
def waiting_actor(cpus: int) -> Iterator[None]:
    class Waits:
        def there(self) -> bool:
            return True

    actor = ray.remote(Waits).options(num_cpus=cpus).remote()
    try:
        yield
    finally:
        ray.kill(actor)


def test_an_actor_without_a_place_is_seen(ray_session: Session) -> None:
    with holding(3), waiting_actor(2):
        wait_for(lambda: ({"CPU": 2.0}, 1) in current_demand().waiting)
    wait_for(lambda: current_demand().waiting == ())
