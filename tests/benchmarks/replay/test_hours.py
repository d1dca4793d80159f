"""Answers by the hour of a day that is minutes long."""

from benchmarks.replay.clients import Answer
from benchmarks.replay.hours import by_hour, clock


def test_what_was_seen_in_each_hour() -> None:
    answers = [
        Answer(0.0, 0, 0.1, 0.2, "a@1", "miss"),
        Answer(1.9, 0, 0.0, 0.4, "a@2", "hit"),
        Answer(1.0, 0, refused=True),
        Answer(1.0, 0, failure="502"),
        Answer(48.0, 0, 0.5, 0.6, "a@2", "joined"),
    ]
    hours = by_hour(answers, 48.0, "a@2")
    first, last = hours[0], hours[23]
    assert len(hours) == 24
    assert (first.requests, first.answers_per_second, first.kept, first.refused, first.failed, first.new) == (
        4,
        1.0,
        1,
        1,
        1,
        0.5,
    )
    assert first.first == (100, 100, 100)
    assert first.whole == (400, 400, 400)
    assert (last.kept, last.new, last.whole) == (1, 1.0, (600, 600, 600))
    assert (hours[5].requests, hours[5].first, hours[5].new) == (0, (), 0.0)


def test_moments_as_they_are_told() -> None:
    assert [clock(at, 240) for at in (0, 80, 85, 240)] == ["00:00", "08:00", "08:30", "24:00"]
