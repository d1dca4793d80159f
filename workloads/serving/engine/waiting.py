"""Requests that wait for a place: the smaller priority first, then who came first."""

import heapq
import itertools
from collections.abc import Iterator

from workloads.serving.engine.running import Running


class Waiting:
    """A queue that can be left."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Running]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Running]:
        return (running for _, _, running in self._entries)

    def add(self, running: Running) -> None:
        heapq.heappush(self._entries, (running.request.priority, next(self._order), running))

    def pop(self) -> Running:
        """Who is next."""
        return heapq.heappop(self._entries)[2]

    def remove(self, request_id: str) -> Running | None:
        """Take one out; None where it does not wait."""
        entry = next((entry for entry in self._entries if entry[2].request.id == request_id), None)
        if entry is None:
            return None
        self._entries.remove(entry)
        heapq.heapify(self._entries)
        return entry[2]
