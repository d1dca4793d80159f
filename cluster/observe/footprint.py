"""What one process holds in memory, told apart: pages of its own, and pages of files, which processes of a machine share.

Not for watching a run over time: usage.py does.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Footprint:
    """Bytes. `own`: nobody else can have them. `mapped`: pages of libraries and of memory-mapped weights, which a second process
    of the same kind does not take again."""

    own: int
    mapped: int

    @property
    def resident(self) -> int:
        return self.own + self.mapped

    def of_many(self, processes: int) -> int:
        """What so many alike take on one machine."""
        return processes * self.own + (self.mapped if processes else 0)


def footprint(pid: int | None = None) -> Footprint:
    """Of a process (default: this one). Where the system does not tell pages apart (not Linux) all count as its own."""
    rollup = Path(f"/proc/{pid or 'self'}/smaps_rollup")
    if not rollup.exists():
        return Footprint(int(psutil.Process(pid).memory_info().rss), 0)
    sizes = {}
    for line in rollup.read_text(encoding="utf-8").splitlines()[1:]:
        name, _, value = line.partition(":")
        sizes[name] = int(value.split()[0]) << 10
    return Footprint(sizes["Anonymous"], sizes["Rss"] - sizes["Anonymous"])
