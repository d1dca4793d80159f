"""Pages told apart: what a process allots is its own, what it maps from a file is not."""

import mmap
from pathlib import Path

import pytest

from cluster.observe.footprint import Footprint, footprint

SIZE = 64 << 20
LINUX = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell pages apart")


@LINUX
def test_memory_that_is_written_is_its_own() -> None:
    before = footprint()
    held = bytearray(SIZE)
    grown = footprint().own - before.own
    assert grown >= 0.9 * SIZE
    assert len(held) == SIZE


@LINUX
def test_a_file_that_is_read_through_a_mapping_is_mapped(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"w" * SIZE)
    before = footprint()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[place] for place in range(0, SIZE, 4096))
        after = footprint()
    assert after.mapped - before.mapped >= 0.9 * SIZE
    assert after.own - before.own < 0.1 * SIZE


def test_what_is_mapped_counts_once_for_many() -> None:
    each = Footprint(own=3, mapped=10)
    assert each.resident == 13
    assert [each.of_many(count) for count in (0, 1, 4)] == [0, 13, 22]
