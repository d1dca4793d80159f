"""From costs to replicas and machines: what each aim and each size of machine asks for, and what is refused."""

import pytest

from cluster.errors import UserError
from cluster.observe.footprint import Footprint
from tests.workloads.serving.planning.test_costs import COSTS
from workloads.serving.planning.costs import Shape
from workloads.serving.planning.plan import Need, load_of, machines_for, size
from workloads.serving.planning.traffic import Aims, Traffic

SHAPE, SLOTS = Shape(100, 64), 32
EASY = Aims(first=2.0, token=0.5)
GB = 10**9


def traffic(rate: float) -> Traffic:
    return Traffic(rate, SHAPE)


def test_little_traffic_is_one_replica_and_more_is_in_proportion() -> None:
    assert size(COSTS, SLOTS, traffic(0.1), EASY).replicas == 1
    one = size(COSTS, SLOTS, traffic(1), EASY).most
    assert size(COSTS, SLOTS, traffic(10 * one), EASY).replicas == 10
    assert size(COSTS, SLOTS, traffic(10.1 * one), EASY).replicas == 11


def test_the_share_of_each_keeps_the_aims() -> None:
    found = size(COSTS, SLOTS, traffic(200), Aims(0.3, 0.02))
    assert found.load.token_seconds <= 0.02
    assert found.load.first_seconds <= 0.3
    crowded = load_of(COSTS, SLOTS, 200 / max(1, found.replicas - 1), SHAPE, 1.0)
    assert crowded is None or crowded.token_seconds > 0.02 or crowded.first_seconds > 0.3


@pytest.mark.parametrize(
    ("aims", "limit"),
    [(Aims(9.0, 0.012), "the time per token"), (Aims(0.05, 9.0), "the time to the first token")],
)
def test_a_tight_aim_is_named_and_asks_for_more_replicas(aims: Aims, limit: str) -> None:
    tight, easy = size(COSTS, SLOTS, traffic(200), aims), size(COSTS, SLOTS, traffic(200), EASY)
    assert tight.limit == limit
    assert tight.replicas > easy.replicas


def test_without_aims_that_bind_it_is_the_engine() -> None:
    found = size(COSTS, SLOTS, traffic(200), Aims(1e6, 1e6))
    assert found.limit == "what a replica computes"
    assert found.most == pytest.approx(COSTS.requests_per_second(SLOTS, SHAPE), rel=0.02)


def test_slower_than_measured_asks_for_more() -> None:
    assert size(COSTS, SLOTS, traffic(300), EASY, 1.3).replicas > size(COSTS, SLOTS, traffic(300), EASY).replicas


def test_an_aim_that_a_lone_request_misses_is_refused_with_what_it_takes() -> None:
    with pytest.raises(UserError, match=r"1 ms per token.*alone takes .* ms.*measure again"):
        size(COSTS, SLOTS, traffic(1), Aims(1.0, 0.001))


def test_processors_or_memory_limit_a_machine() -> None:
    need = Need(2, Footprint(own=3 * GB, mapped=2 * GB))
    few = machines_for(7, need, processors=8, memory_bytes=64 * GB, kept=2 * GB)
    assert (few.each, few.count, few.limit) == (4, 2, "processors")
    small = machines_for(7, need, processors=64, memory_bytes=16 * GB, kept=2 * GB)
    assert (small.each, small.count, small.limit) == (4, 2, "memory")
    assert small.memory_bytes == (4 * 3 + 2 + 2) * GB, "what is mapped counts once"


@pytest.mark.parametrize(("processors", "memory", "lacks"), [(1, 64 * GB, "processors"), (8, 6 * GB, "memory")])
def test_a_machine_that_holds_none_is_refused(processors: int, memory: int, lacks: str) -> None:
    with pytest.raises(UserError, match=f"not enough {lacks}"):
        machines_for(1, Need(2, Footprint(3 * GB, 2 * GB)), processors, memory, kept=2 * GB)
