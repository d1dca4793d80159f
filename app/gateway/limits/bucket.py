"""A rate of tokens: what is used is taken out, and it fills again evenly."""

import time
from collections.abc import Callable

_BURST_SECONDS = 60.0
"""What may be used at once after a pause: one minute's worth, as the limit is named."""


class TokenBucket:
    """`per_minute` tokens, 0 for any number. It may go below nothing, since nobody knows beforehand how long an answer gets;
    then it must fill to above nothing before the next request."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = per_minute / 60, clock
        self._level, self._seen = self._rate * _BURST_SECONDS, clock()

    def take(self, tokens: int) -> None:
        if self._rate:
            self._fill()
            self._level -= tokens

    def wait(self) -> float:
        """Seconds until something is in it; 0 where there is now."""
        if not self._rate:
            return 0.0
        self._fill()
        return max(0.0, (1 - self._level) / self._rate) if self._level < 1 else 0.0

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._level + (now - self._seen) * self._rate, self._rate * _BURST_SECONDS)
        self._seen = now
