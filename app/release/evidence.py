"""How sure it is that the new revision does something oftener than the old one, whenever one looks. Pure arithmetic.

Everything here is an e-process: under "not worse" its expectation stays at most 1 however often and whenever it is read, so
it reaches 1 / p with a probability of at most p (Ville's inequality). Looking again and again costs nothing, unlike with a
test of fixed size. The two-sample one is that of Turner, Ly and Grünwald (2024, "Generic e-variables for exact sequential
k-sample tests"): exact for any two streams of yes and no in blocks of any sizes, also where the common rate drifts from block
to block; so the two revisions are compared within the same seconds only.
"""

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence

_ODDS = (2.0, 4.0, 16.0)
"""Alternatives that a test bets on, in equal parts: the new revision's odds as multiples of the old one's."""
_WINS = (0.6, 0.75, 0.9)
"""Likewise for pairs: the share in which the new revision is the worse one."""
_PRIOR_WEIGHT = 10.0  # answers that the first guess of the old revision's rate counts for
_HISTORY = 1000  # values of the old revision that a threshold is taken from
_LEAST_HISTORY = 20
_QUANTILES = (0.5, 0.9)


class Split:
    """Whether an event comes oftener under the new revision. `rate` is the first guess of the old one's."""

    def __init__(self, rate: float = 0.02) -> None:
        self._logs = [0.0] * len(_ODDS)
        self._hits, self._total = rate * _PRIOR_WEIGHT, _PRIOR_WEIGHT
        self.old, self.new = [0, 0], [0, 0]  # events, answers

    def add(self, old_events: int, old: int, new_events: int, new: int) -> None:
        """What happened in the same seconds: events among answers. The bet is made of what was known before."""
        rate = self._hits / self._total
        if old and new:
            for place, odds in enumerate(_ODDS):
                bet = odds * rate / (1 - rate + odds * rate)
                both = (old * rate + new * bet) / (old + new)
                self._logs[place] += _likelihood(old_events, old, rate, both) + _likelihood(new_events, new, bet, both)
        self._hits, self._total = self._hits + old_events, self._total + old
        self.old = [self.old[0] + old_events, self.old[1] + old]
        self.new = [self.new[0] + new_events, self.new[1] + new]

    @property
    def value(self) -> float:
        return _mean_of_logs(self._logs)


class Slower:
    """Whether times are longer under the new revision by more than `factor`: the share of its times, divided by the factor,
    that lie above a quantile of the old one's earlier times. No shape of the times is assumed."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._splits = [Split(1 - quantile) for quantile in _QUANTILES]
        self._sorted: list[float] = []
        self._order: deque[float] = deque()
        self._recent: deque[float] = deque(maxlen=_HISTORY)

    def add(self, old: Sequence[float], new: Sequence[float]) -> None:
        """Times of the same seconds."""
        if len(self._order) >= _LEAST_HISTORY:
            for quantile, split in zip(_QUANTILES, self._splits, strict=True):
                bound = self.quantile(quantile)
                slow = [sum(each > bound for each in old), sum(each / self._factor > bound for each in new)]
                split.add(slow[0], len(old), slow[1], len(new))
        self._recent.extend(new)
        for each in old:
            self._remember(each)

    def quantile(self, share: float) -> float:
        """Of the old revision's times; 0 while there are none."""
        return _quantile(self._sorted, share)

    def new_quantile(self, share: float) -> float:
        return _quantile(sorted(self._recent), share)

    @property
    def value(self) -> float:
        return sum(split.value for split in self._splits) / len(self._splits)

    def _remember(self, value: float) -> None:
        insort(self._sorted, value)
        self._order.append(value)
        if len(self._order) > _HISTORY:
            gone = self._order.popleft()
            del self._sorted[bisect_right(self._sorted, gone) - 1]


class Pairs:
    """Whether the new revision is the worse one in more than half of the pairs (a sign test)."""

    def __init__(self) -> None:
        self._logs = [0.0] * len(_WINS)
        self.worse = self.total = 0

    def add(self, worse: bool) -> None:
        self.worse, self.total = self.worse + worse, self.total + 1
        for place, share in enumerate(_WINS):
            self._logs[place] += math.log((share if worse else 1 - share) / 0.5)

    @property
    def value(self) -> float:
        return _mean_of_logs(self._logs)


class Mean:
    """A running mean with an interval that holds at every moment: the asymptotic confidence sequence of Waudby-Smith, Arbour,
    Sinha, Kennedy and Ramdas (2024), tightest around 200 values."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        self.count += 1
        before = self.mean
        self.mean += (value - before) / self.count
        self._squares += (value - before) * (value - self.mean)

    def half_width(self, error: float) -> float:
        """The interval is mean +- this, wrong with probability `error`; infinite below two values."""
        if self.count < 2:
            return math.inf
        rho = (-2 * math.log(error) + math.log(-2 * math.log(error)) + 1) / 200
        spread = self.count * rho + 1
        variance = self._squares / self.count
        return math.sqrt(variance * 2 * spread / (self.count**2 * rho) * math.log(math.sqrt(spread) / error))


def _likelihood(events: int, total: int, under: float, against: float) -> float:
    """Log of how much likelier this is under one rate than under another."""
    return events * math.log(under / against) + (total - events) * math.log((1 - under) / (1 - against))


def _mean_of_logs(logs: Sequence[float]) -> float:
    highest = max(logs)
    return math.exp(min(highest, 700.0)) * sum(math.exp(each - highest) for each in logs) / len(logs)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
