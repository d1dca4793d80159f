"""Guesses at the next tokens from what a request has said before: where its last three tokens stood last, what came after them
comes again (Saxena 2023, "prompt lookup decoding"). A guess is checked by the model and never changes an answer.

Not for when to guess (torch_engine.py).
"""

from collections.abc import Sequence

_GRAM = 3
_LONGEST_PAUSE = 32


class Guesses:
    """Over one request's prompt and answer. After a guess that failed it is silent, twice as long each time."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._pause = self._silent = 0
        self.add(prompt)

    def add(self, tokens: Sequence[int]) -> None:
        """What was said next."""
        for token in tokens:
            if len(self._tokens) >= _GRAM:
                self._after[tuple(self._tokens[-_GRAM:])] = len(self._tokens)
            self._tokens.append(token)

    def guess(self, limit: int) -> list[int]:
        """At most `limit` tokens; what turns in a circle goes on turning."""
        if self._silent:
            self._silent -= 1
            return []
        start = self._after.get(tuple(self._tokens[-_GRAM:]))
        if start is None:
            return []
        period = len(self._tokens) - start
        return [self._tokens[start + place % period] for place in range(limit)]

    def judge(self, right: int) -> None:
        """How many tokens of the last guess were."""
        self._pause = 0 if right else min(2 * self._pause + 1, _LONGEST_PAUSE)
        self._silent = self._pause
