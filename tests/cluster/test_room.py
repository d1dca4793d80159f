"""Room is counted machine by machine, from what is free and what may still come: never from totals that others hold."""

from cluster.room import Addable, Holder, Room


def machine(cpus: float, gpus: float = 0) -> dict[str, float]:
    return {"CPU": cpus, "GPU": gpus, "memory": 1e9}


def test_a_piece_never_spans_machines() -> None:
    room = Room(free=(machine(3), machine(3)), total=(machine(4), machine(4)))
    assert room.fits_now({"CPU": 4}) == 0
    assert room.fits_now({"CPU": 3}) == 2
    assert room.fits_ever({"CPU": 4}) == 2
    assert room.fits_ever({"CPU": 5}) == 0


def test_the_share_is_cut_from_what_is_free() -> None:
    two_busy_machines = Room(free=(machine(1), machine(4)), total=(machine(4), machine(4)))
    assert two_busy_machines.largest_share(1) == 4
    assert two_busy_machines.largest_share(2) == 2
    assert two_busy_machines.largest_share(5) == 1


def test_the_share_counts_machines_that_may_come() -> None:
    room = Room(free=(machine(0),), total=(machine(1),), addable=(Addable(machine(8), 2),))
    assert room.largest_share(2) == 8
    assert room.largest_share(4) == 4
    assert room.fits_now({"CPU": 1}) == 0
    assert room.fits_grown({"CPU": 8}) == 2


def test_nothing_free_and_nothing_to_come_is_a_share_of_one() -> None:
    room = Room(free=(machine(0),), total=(machine(1),))
    assert room.largest_share(1) == 1
    assert room.fits_grown({"CPU": 1}) == 0
    assert room.fits_ever({"CPU": 1}) == 1


def test_a_gpu_worker_s_share_comes_from_machines_with_one() -> None:
    room = Room(free=(machine(32), machine(8, 2)), total=(machine(32), machine(8, 2)))
    assert room.largest_share(2, {"GPU": 1}) == 4
    assert room.largest_share(1, {"GPU": 1}) == 8


def test_rounding_of_ray_s_fractions_loses_no_cpu() -> None:
    assert Room(free=(machine(1.99999),), total=(machine(2),)).largest_share(1) == 2


def test_holders_are_named_the_largest_first() -> None:
    holders = (Holder("replica", {"CPU": 1}), Holder("board", {"memory": 50}), Holder("other", {"CPU": 2}))
    assert [each.name for each in Room((), (), holders=holders).held_by("CPU")] == ["other", "replica"]
