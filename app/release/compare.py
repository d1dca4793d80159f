"""A/B: which of two revisions is better at one goal, decided the first time that it is sure. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.gateway.observation import Observation
from app.release.evidence import Mean, Pairs, Split

GOALS = ("rating", "faults", "bits")
Winner = Literal["", "old", "new", "neither"]
_ERROR = 0.05  # of naming a winner where there is none, both sides together


@dataclass(frozen=True)
class Result:
    """`p` is valid whenever it is read. `text` has the difference with its interval."""

    winner: Winner
    p: float
    text: str


class Comparison:
    """`rating`: share of bad ratings; `faults`: share of answers with a visible fault; `bits`: bits per character of the same
    live prompts. `most`: values of the new revision after which it ends without a winner."""

    def __init__(self, goal: str, most: int) -> None:
        self._goal, self._most = goal, most
        self._new_worse: Split | Pairs
        self._old_worse: Split | Pairs
        if goal == "bits":
            self._new_worse, self._old_worse = Pairs(), Pairs()
        else:
            self._new_worse, self._old_worse = Split(), Split()
        self._old, self._new = Mean(), Mean()
        self._highest = 1.0

    def see(self, old: Sequence[Observation], new: Sequence[Observation]) -> None:
        """Answers of the same seconds."""
        if isinstance(self._new_worse, Pairs) or isinstance(self._old_worse, Pairs):
            return
        before, after = ([self._is_bad(each) for each in part if self._counts(each)] for part in (old, new))
        self._new_worse.add(sum(before), len(before), sum(after), len(after))
        self._old_worse.add(sum(after), len(after), sum(before), len(before))
        self._note(before, after)

    def see_bits(self, old: float, new: float) -> None:
        if isinstance(self._new_worse, Pairs) and isinstance(self._old_worse, Pairs) and old != new:
            self._new_worse.add(new > old)
            self._old_worse.add(old > new)
            self._note([0.0], [new - old])

    def result(self) -> Result:
        p = min(1.0, 2 / self._highest)
        half = self._new.half_width(_ERROR / 2) + (0.0 if self._goal == "bits" else self._old.half_width(_ERROR / 2))
        difference = self._new.mean - self._old.mean
        text = f"{self._goal}: difference {difference:+.4f} +- {half:.4f} over {self._new.count} values, p = {p:.2g}"
        return Result(self._winner(p), p, text)

    def _winner(self, p: float) -> Winner:
        if p <= _ERROR:
            return "old" if self._new_worse.value > self._old_worse.value else "new"
        return "neither" if self._most and self._new.count >= self._most else ""

    def _note(self, old: Sequence[float], new: Sequence[float]) -> None:
        for each in old:
            self._old.add(each)
        for each in new:
            self._new.add(each)
        self._highest = max(self._highest, self._new_worse.value, self._old_worse.value)

    def _counts(self, each: Observation) -> bool:
        return each.rating != 0 if self._goal == "rating" else not (each.failed or each.left or each.rating)

    def _is_bad(self, each: Observation) -> bool:
        return each.rating < 0 if self._goal == "rating" else bool(each.faults)
