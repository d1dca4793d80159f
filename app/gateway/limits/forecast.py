"""When there will be a place: from what the last answers took, and from when those that run began.

Answers of one length that began together end together, so that one who comes just after waits for a whole one, however few wait.
Not for who gets the place (gate.py).
"""

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

_ANSWERS = 32
"""The last so many say what an answer takes."""


@dataclass(frozen=True, eq=False)
class Running:
    """An answer: slots that it holds, and since when, in seconds of the gate's clock."""

    slots: int
    began: float


class AnswerTimes:
    """How long the last answers took, in seconds; 0 until one has ended."""

    def __init__(self) -> None:
        self._seconds = deque[float](maxlen=_ANSWERS)

    def note(self, seconds: float) -> None:
        self._seconds.append(seconds)

    @property
    def mean(self) -> float:
        """Says how many answers end in a given time."""
        return statistics.fmean(self._seconds) if self._seconds else 0.0

    @property
    def usual(self) -> float:
        """The median, so that one that waited for a replica's start does not count."""
        return statistics.median(self._seconds) if self._seconds else 0.0


def until_free(answers: Iterable[Running], held: int, wanted: int, places: int, usual: float, now: float) -> float:
    """Seconds until `wanted` of `places` slots are free, where every answer takes as long as is usual. `answers`: in the order in
    which they began, which hold `held` slots; these may be more than there are places. Of slots alone: a place's tokens are enough for
    any request (admission.py)."""
    missing = wanted - (places - held)
    if missing <= 0:
        return 0.0
    rounds, left = divmod(missing - 1, max(places, held))
    for each in answers:
        left -= each.slots
        if left < 0:
            return rounds * usual + max(usual - (now - each.began), 0.0)
    return (rounds + 1) * usual
