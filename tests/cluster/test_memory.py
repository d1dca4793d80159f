"""Memory that is given back to the system, measured on this process."""

import psutil

from cluster.memory import give_back

MUCH = 64 << 20


def test_what_was_freed_goes_back() -> None:
    give_back()
    process = psutil.Process()
    before = process.memory_info().rss
    small = [bytes(1_000) + str(number).encode() for number in range(MUCH // 1_000)]
    assert process.memory_info().rss > before + MUCH
    kept = small[::1000]  # in the way of what goes by itself
    del small
    held = process.memory_info().rss
    give_back()
    assert process.memory_info().rss < held - MUCH // 2
    assert len(kept) > 60
