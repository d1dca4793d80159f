"""A record's own date and score as numbers, by which one of several copies may be preferred. What cannot be read is unknown."""

import math
import re
from datetime import UTC, datetime

UNKNOWN = math.nan

_DAY = re.compile(r"\s*(\d{4})[-/.年]?(\d{1,2})(?:[-/.月]?(\d{1,2})日?)?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_MILLISECONDS = 1e11  # as seconds, this is the year 5138


def seconds_of(value: object) -> float:
    """Seconds since 1970 of a number (seconds, or milliseconds where that is a date), a date, or a text that begins with
    one, such as 2024-05-01, 2024/5/1 08:30, 20240501 or 2024年5月1日. Times without a zone are taken as UTC."""
    if isinstance(value, bool) or value is None:
        return UNKNOWN
    if isinstance(value, int | float):
        seconds = float(value)
        return seconds / 1000 if abs(seconds) >= _MILLISECONDS else seconds
    if isinstance(value, str):
        return _seconds_of_text(value)
    parts = [getattr(value, name, default) for name, default in _FIELDS]  # datetime.datetime and datetime.date
    return _moment(parts) if parts[0] else UNKNOWN


_FIELDS = (("year", 0), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))


def _seconds_of_text(text: str) -> float:
    found = _DAY.match(text)
    if not found:
        return UNKNOWN
    return _moment([int(part) if part else default for part, (_, default) in zip(found.groups(), _FIELDS, strict=True)])


def _moment(parts: list[int]) -> float:
    try:
        return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]
    except ValueError:
        return UNKNOWN


def score_of(value: object) -> float:
    """A number, or a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return UNKNOWN
    try:
        return float(value)
    except ValueError:
        return UNKNOWN
