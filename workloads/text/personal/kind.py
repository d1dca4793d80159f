"""What one kind of personal data is: how it is written, and what makes a match one of it. Not the search (scan.py)."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Span:
    """Characters `start` to `stop` of a text are personal data of this kind."""

    start: int
    stop: int
    kind: str


Accept = Callable[[str, re.Match[str]], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    `pattern` is matched on text with half-width letters and digits; its group `it`, where it has one, is what is masked.
    `accept` looks at the match and what stands around it. A kind with a `gate` is looked for in texts in which that is found;
    one without, only in stretches of digits (scan.py), from `before` characters ahead of such a stretch.
    `structured` kinds are recognised by their form alone; the others by the words beside them.
    """

    name: str
    label: str
    meaning: str
    pattern: re.Pattern[str]
    accept: Accept | None = None
    gate: re.Pattern[str] | None = None
    before: int = 0
    structured: bool = True
    default: bool = True

    @property
    def mask(self) -> str:
        """What stands in place of it in masked text."""
        return f"<{self.label}>"

    def span(self, text: str, found: re.Match[str]) -> Span | None:
        """The characters to mask, or None where the match is something else."""
        if self.accept and not self.accept(text, found):
            return None
        start, stop = found.span("it") if "it" in self.pattern.groupindex else found.span()
        return Span(start, stop, self.name)
