"""What comes and what it may take: the two things that a plan is made for."""

from dataclasses import dataclass

from workloads.serving.planning.costs import Shape

PERCENTILE = 0.95
"""Of requests within the aims."""


@dataclass(frozen=True)
class Traffic:
    """Requests per second in the busiest time, and what each is."""

    requests_per_second: float
    shape: Shape


@dataclass(frozen=True)
class Aims:
    """Most seconds to the first token, and from one token to the next, for `PERCENTILE` of the requests."""

    first: float
    token: float
