"""What Ray can give is read from Ray itself; what has to wait is said in one line, what can never be is refused."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.capacity import WAITING, Waiting, current_room, require_room, waiting_facts
from cluster.errors import ResourceError
from cluster.observe.progress import SilentReporter, Value
from cluster.room import Addable, Room
from cluster.session import Session


class Noted(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Value]]] = []

    def note(self, event: str, **facts: Value) -> None:
        self.notes.append((event, facts))


@contextlib.contextmanager
def holding(cpus: int) -> Iterator[None]:
    """An actor with a name that holds that many processors."""

    class Holding:
        def there(self) -> bool:
            return True

    actor = ray.remote(Holding).options(name="holding", num_cpus=cpus).remote()
    ray.get(actor.there.remote())
    wait_for(lambda: sum(each.get("CPU", 0) for each in current_room().free) <= 4 - cpus)
    try:
        yield
    finally:
        ray.kill(actor)
        wait_for(lambda: sum(each.get("CPU", 0) for each in current_room().free) == 4)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_an_actor_holds_is_not_free_and_its_name_is_known(ray_session: Session) -> None:
    with holding(3):
        room = current_room()
        assert room.fits_now({"CPU": 1}) == 1
        assert room.fits_ever({"CPU": 1}) == 4
        assert room.largest_share(1) == 1
        assert "holding (CPU 3)" in str(waiting_facts(room, {"CPU": 2}, 1)["held_by"])


def test_what_no_machine_can_ever_hold_is_refused(ray_session: Session) -> None:
    require_room(current_room(), {"CPU": 4}, 1, "training", "ask for less")
    refused = (
        r"training asks for 2 x \(CPU 3\), each on one machine; this cluster can hold 1 of them; ask for less, or run on a"
    )
    with pytest.raises(ResourceError, match=refused):
        require_room(current_room(), {"CPU": 3}, 2, "training", "ask for less")


def test_an_autoscaling_cluster_is_held_to_what_its_pools_may_become(
    ray_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head's own record, as an autoscaler reports it: four machines may come."""
    from ray._private.state import state
    from ray.core.generated.autoscaler_pb2 import ClusterConfig

    pools = ClusterConfig()
    pools.node_group_configs.add(name="gpu", max_count=4, resources={"CPU": 8, "GPU": 1})
    monkeypatch.setattr(state, "get_cluster_config", lambda: pools)
    require_room(current_room(), {"CPU": 8, "GPU": 1}, 4, "training", "ask for less")
    with pytest.raises(ResourceError, match="this cluster can hold 4 of them"):
        require_room(current_room(), {"CPU": 1, "GPU": 1}, 5, "training", "ask for less")


def test_a_cluster_that_may_grow_says_how_far() -> None:
    room = Room(free=({"CPU": 0},), total=({"CPU": 1},), addable=(Addable({"CPU": 2}, 3),))
    assert waiting_facts(room, {"CPU": 2}, 2) == {"wanted": "2 x (CPU 2)", "free": 0, "possible": 3}


def test_a_group_without_a_place_is_told_once_a_minute_and_never_when_placed(ray_session: Session) -> None:
    noted = Noted()
    waiting = Waiting(noted, {"CPU": 2.0}, 2)
    with holding(3):
        group = placement_group([{"CPU": 2.0}] * 2)
        wait_for(waiting.pending)
        waiting.begin(current_room())
        waiting.look()
        assert [event for event, _ in noted.notes] == [WAITING]
        assert noted.notes[0][1] | {"held_by": ""} == {
            "wanted": "2 x (CPU 2)",
            "free": 0,
            "possible": 0,
            "held_by": "",
            "until": "something that runs now has ended",
        }
    ray.get(group.ready(), timeout=60)
    assert not waiting.pending()
    remove_placement_group(group)
