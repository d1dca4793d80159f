"""End an answer at a stop string, wherever tokens cut it, and never show a part of it."""

from collections.abc import Sequence


class StopMatcher:
    """Feed it text as it comes. What could still become a stop string is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.matched: str | None = None

    @property
    def held(self) -> int:
        """Characters held back."""
        return len(self._held)

    def feed(self, text: str) -> str:
        """What is safe to show now. After a match nothing more comes, and `matched` says which string it was."""
        if not self._stops:
            return text
        if self.matched is not None:
            return ""
        buffer = self._held + text
        found = min(((place, stop) for stop in self._stops if (place := buffer.find(stop)) >= 0), default=None)
        if found is not None:
            self._held, self.matched = "", found[1]
            return buffer[: found[0]]
        keep = self._unsafe(buffer)
        self._held = buffer[len(buffer) - keep :]
        return buffer[: len(buffer) - keep]

    def finish(self) -> str:
        """The rest, when no more text comes."""
        rest, self._held = self._held, ""
        return rest

    def _unsafe(self, buffer: str) -> int:
        """Length of the longest end of the buffer that begins a stop string."""
        longest = min(max(map(len, self._stops)) - 1, len(buffer))
        for length in range(longest, 0, -1):
            tail = buffer[len(buffer) - length :]
            if any(stop.startswith(tail) for stop in self._stops):
                return length
        return 0
