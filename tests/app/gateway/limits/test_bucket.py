"""A rate of tokens over a made-up clock."""

from app.gateway.limits.bucket import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_rate_is_no_limit() -> None:
    bucket = TokenBucket(0, Clock())
    bucket.take(10**9)
    assert bucket.wait() == 0


def test_a_minute_at_once_then_the_debt_is_paid_back_evenly() -> None:
    clock = Clock()
    bucket = TokenBucket(600, clock)
    bucket.take(650)
    assert round(bucket.wait(), 6) == 5.1
    clock.now = 5.0
    assert 0 < bucket.wait() < 0.2
    clock.now = 5.2
    assert bucket.wait() == 0


def test_it_never_holds_more_than_a_minute() -> None:
    clock = Clock()
    bucket = TokenBucket(60, clock)
    clock.now = 1e6
    bucket.take(61)
    assert bucket.wait() > 0


def test_over_a_long_time_the_rate_is_kept() -> None:
    clock = Clock()
    bucket, used = TokenBucket(6000, clock), 0
    while clock.now < 600:
        if not bucket.wait():
            bucket.take(170)
            used += 170
        clock.now += 0.25
    assert 6000 * 10 <= used <= 6000 * 11 + 170
