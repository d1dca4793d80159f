"""From which similarity on two questions count as one, so that of such hits at most a given share is wrong.

Half of the labelled pairs says in which order similarities are tested, the other half tests them: the exact upper bound of Clopper and
Pearson (1934) on its share of wrong hits must be below what is allowed. The first one that is not ends it, so that all that passed hold
together with the confidence of one test (fixed-sequence testing; Angelopoulos et al. 2021, "Learn then Test"). Choosing and testing
on the same pairs would promise too much.
"""

import math
import re
import unicodedata
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pydantic import Field, ValidationError

from cluster import storage
from cluster.config import Spec
from cluster.errors import InputError, StorageError, UserError

_FIGURES = re.compile(r"[\d〇零一二两三四五六七八九十百千万亿]+")


class Calibration(Spec):
    """What was shown of a model's vectors. `threshold` is a cosine; of `hits` pairs of the proving half that are as alike `wrong_hits` were
    wrong, so that with `confidence` at most `at_most` of all hits are, which is no more than `allowed`."""

    model: str = Field(min_length=1)
    fingerprint: str = Field(min_length=1)
    threshold: float = Field(gt=-1, le=1)
    allowed: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    hits: int = Field(ge=1)
    wrong_hits: int = Field(ge=0)
    at_most: float = Field(ge=0, le=1)


def read_calibration(uri: str) -> Calibration:
    """Raises InputError where it is none, or none is there: without one nothing may count as the same."""
    place = storage.locate(uri)
    try:
        return Calibration.model_validate_json(storage.read_bytes(place))
    except (StorageError, ValidationError) as error:
        raise InputError(
            f"{place} is not a calibration of the semantic cache",
            "what `hanlin cache calibrate` writes",
            "calibrate, or leave it out",
        ) from error


@dataclass(frozen=True)
class Judged:
    """A pair of questions: how alike their vectors are, and whether one answer is right for both."""

    asked: str
    found: str
    similarity: float
    same: bool


@dataclass(frozen=True)
class Proof:
    """A threshold with what speaks for it."""

    threshold: float
    hits: int
    wrong: int
    at_most: float


def may_share(asked: str, found: str) -> bool:
    """Whether two questions name the same numbers in the same order; vectors hardly tell article 3 from article 4."""
    return _figures(asked) == _figures(found)


def prove(pairs: Sequence[Judged], allowed: float, confidence: float) -> Proof:
    """The lowest threshold that is shown to keep to `allowed`. Raises UserError where none is, with what was reached."""
    counting = [pair for pair in pairs if may_share(pair.asked, pair.found)]
    tail = _Tail([pair for pair in counting if _tests(pair)])
    proven, reached = None, f"{len(counting)} pairs"
    for threshold in _sequence([pair for pair in counting if not _tests(pair)], allowed):
        hits, wrong = tail.since(threshold)
        if _at_most(wrong, hits, allowed) > 1 - confidence:
            bound = upper_bound(wrong, hits, confidence)
            reached = f"of {hits} pairs from {threshold:.4f} on {wrong} are wrong, so up to {bound:.1%} of all"
            break
        proven = (threshold, hits, wrong)
    if proven is None:
        raise UserError(
            f"no similarity is high enough to be sure ({reached})",
            f"at most {allowed:.2%} of hits wrong with {confidence:.0%} confidence, which takes {least_pairs(allowed, confidence)} right "
            "pairs of either half at least",
            "label more pairs, allow more, or take a better encoder",
        )
    return Proof(*proven, upper_bound(proven[2], proven[1], confidence))


def upper_bound(wrong: int, hits: int, confidence: float) -> float:
    """The largest share of wrong ones with which so few among so many are still as probable as 1 - confidence."""
    if wrong >= hits:
        return 1.0
    low, high = wrong / hits, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, hits, middle) > 1 - confidence else (low, middle)
    return high


def least_pairs(allowed: float, confidence: float) -> int:
    """How many pairs without a wrong one are needed at least, of either half."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-allowed))


class _Tail:
    """How many pairs are at least so much alike, and how many of them are wrong."""

    def __init__(self, pairs: Sequence[Judged]) -> None:
        ordered = sorted(pairs, key=lambda pair: -pair.similarity)
        self._falling = [-pair.similarity for pair in ordered]
        self._wrong = [0, *accumulate(not pair.same for pair in ordered)]

    def since(self, threshold: float) -> tuple[int, int]:
        hits = bisect_right(self._falling, -threshold)
        return hits, self._wrong[hits]


def _sequence(pairs: Sequence[Judged], allowed: float) -> list[float]:
    """Thresholds in the order in which they are tested: that for which most speaks, then the lower ones."""
    tail = _Tail(pairs)
    falling = sorted({pair.similarity for pair in pairs}, reverse=True)
    chances = [_at_most(wrong, hits, allowed) for hits, wrong in map(tail.since, falling)]
    return falling[chances.index(min(chances)) :] if chances else []


def _at_most(wrong: int, hits: int, share: float) -> float:
    """The probability of no more than `wrong` among `hits`."""
    return sum(
        math.exp(_log_choices(hits, k) + k * math.log(share) + (hits - k) * math.log1p(-share)) for k in range(wrong + 1)
    )


def _log_choices(hits: int, wrong: int) -> float:
    return math.lgamma(hits + 1) - math.lgamma(wrong + 1) - math.lgamma(hits - wrong + 1)


def _tests(pair: Judged) -> bool:
    """By the question alone, so that one that was asked often is in one half."""
    return zlib.crc32(pair.asked.encode()) % 2 == 1


def _figures(text: str) -> list[str]:
    return _FIGURES.findall(unicodedata.normalize("NFKC", text))
