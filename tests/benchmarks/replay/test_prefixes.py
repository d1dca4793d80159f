"""Simulated copies keep what they used last, read in turn, and the project's rule finds who has read what."""

from benchmarks.replay.trace import Arrival
from benchmarks.serving_prefixes import Copy, better_of_two, play, reader_first


def test_a_copy_reads_what_it_has_not_kept_one_prompt_after_the_other() -> None:
    copy = Copy(0, kept=3, speed=512.0)
    assert copy.take(Arrival(0.0, 50, (1, 2))) == (0, 2.0)
    assert copy.take(Arrival(1.0, 50, (1, 2, 3))) == (2, 2.0)
    assert (copy.requests(2.9), copy.requests(3.0), copy.requests(4.0)) == (2, 1, 0)
    assert copy.take(Arrival(9.0, 50, (4,))) == (0, 1.0)
    assert copy.take(Arrival(20.0, 50, (1, 2)))[0] == 0, "1 went when 4 came"
    assert copy.read == 6


def test_the_reader_is_reused_and_no_copy_is_left_out() -> None:
    trace = [Arrival(float(at), 500, (0, at % 50, *(range(1000 * (at % 50), 1000 * (at % 50) + 4)))) for at in range(1000)]
    two, reader = (play(trace, 4, 0.8, 10_000, choose) for choose in (better_of_two(), reader_first(False)))
    assert two.reused < reader.reused < 1
    assert reader.busiest < 1.5
    assert reader.first[0] <= two.first[0]
