"""Dates and scores of records as numbers."""

import datetime
import math

import pytest

from workloads.corpus.measures import score_of, seconds_of

DAY = 1714521600.0  # 2024-05-01 UTC


@pytest.mark.parametrize(
    "value",
    [
        *("2024-05-01", "2024/5/1", "20240501", "2024年5月1日", "2024.05", "2024-05-01T00:00:00Z", DAY, DAY * 1000, int(DAY)),
        *(datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1)),
    ],
)
def test_dates(value: object) -> None:
    assert seconds_of(value) == DAY


@pytest.mark.parametrize("value", ["", "昨天", "2024-13-01", "1234567890", None, True, [], {}])
def test_what_is_no_date_is_unknown(value: object) -> None:
    assert math.isnan(seconds_of(value))


def test_scores() -> None:
    assert (score_of(0.5), score_of("0.5"), score_of(3)) == (0.5, 0.5, 3.0)
    assert all(math.isnan(score_of(value)) for value in (None, "好", True, []))
