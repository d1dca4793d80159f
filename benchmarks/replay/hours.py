"""What was seen in each hour of the day, from the answers of all clients. Pure; not for printing (serving_day.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.replay.clients import Answer

HOURS = 24


@dataclass(frozen=True)
class Hour:
    """Times in milliseconds at 50, 95 and 99 % (none where nothing was answered); `kept`: answers from the cache or joined to
    another's generation; `new`: share of the answers that the released revision gave."""

    hour: int
    requests: int
    answers_per_second: float
    first: tuple[float, ...]
    whole: tuple[float, ...]
    kept: int
    refused: int
    failed: int
    new: float


def by_hour(answers: Sequence[Answer], seconds: float, new: str) -> list[Hour]:
    """`seconds`: how long the day was; `new`: the name of the released revision."""
    parts: list[list[Answer]] = [[] for _ in range(HOURS)]
    for each in answers:
        parts[min(int(HOURS * each.at / seconds), HOURS - 1)].append(each)
    return [_hour(number, part, seconds / HOURS, new) for number, part in enumerate(parts)]


def _hour(number: int, part: Sequence[Answer], seconds: float, new: str) -> Hour:
    answered = [each for each in part if each.answered]
    return Hour(
        hour=number,
        requests=len(part),
        answers_per_second=len(answered) / seconds,
        first=percentiles([1000 * each.first for each in answered if each.first]),
        whole=percentiles([1000 * each.seconds for each in answered]),
        kept=sum(each.cache in ("hit", "joined") for each in answered),
        refused=sum(each.refused for each in part),
        failed=sum(bool(each.failure) for each in part),
        new=sum(each.revision == new for each in answered) / len(answered) if answered else 0.0,
    )


def percentiles(values: Sequence[float]) -> tuple[float, ...]:
    """At 50, 95 and 99 %; the nearest value that was seen."""
    ordered = sorted(values)
    return tuple(ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)) if ordered else ()


def clock(at: float, seconds: float) -> str:
    """A moment of the day as it is told, `08:30`."""
    minutes = int(HOURS * 60 * at / seconds)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
