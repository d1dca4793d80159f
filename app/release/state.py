"""A release as a value: which step it is in, and what it becomes by a decision. Pure; kept by desk.py, led by controller.py.

waiting --ready--> canary: shadow, 1 %, ..., 100 % --> promoted
   |                  |
   +------------------+--> rolled_back, aborted
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from app.gateway.routes import Route

SHADOW = -1
"""The step in which copies of requests go to the new revision and none of its answers to a client."""


class Phase(StrEnum):
    WAITING = "waiting"  # the new revision is loaded and asked a few things
    CANARY = "canary"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"

    @property
    def final(self) -> bool:
        return self in (Phase.PROMOTED, Phase.ROLLED_BACK, Phase.ABORTED)


@dataclass(frozen=True)
class Plan:
    """How this release goes. `compare`: instead of steps one share is held until the goal differs significantly (A/B).
    `back`: to the production revision before, which is not judged."""

    steps: tuple[float, ...]
    hold_seconds: float
    least_samples: int
    shadow: float
    compare: str = ""
    most_samples: int = 0
    back: bool = False


@dataclass(frozen=True)
class Decision:
    """What was decided, when (seconds since the epoch), why, and the share of requests from then on."""

    at: float
    action: str
    reason: str
    share: float


@dataclass(frozen=True)
class Release:
    """`old` and `new` are revision numbers of `model`. `since` is when the present step began. `closed`: it is over,
    and all that follows from it is done."""

    id: str
    model: str
    old: int
    new: int
    plan: Plan
    phase: Phase
    step: int
    since: float
    decisions: tuple[Decision, ...] = ()
    closed: bool = False

    @property
    def share(self) -> float:
        """Share of the requests that the new revision answers."""
        if self.phase is Phase.PROMOTED:
            return 1.0
        return self.plan.steps[self.step] if self.phase is Phase.CANARY and self.step != SHADOW else 0.0

    @property
    def last_step(self) -> bool:
        return self.step == len(self.plan.steps) - 1

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @staticmethod
    def from_json(data: bytes) -> "Release":
        raw: dict[str, Any] = json.loads(data)
        steps = tuple(raw["plan"].pop("steps"))
        plan = Plan(steps=steps, **raw.pop("plan"))
        decisions = tuple(Decision(**each) for each in raw.pop("decisions"))
        return Release(**raw | {"phase": Phase(raw["phase"])}, plan=plan, decisions=decisions)


def begin(identity: str, model: str, old: int, new: int, plan: Plan, now: float, reason: str) -> Release:
    """A release that waits for its new revision to load."""
    release = Release(identity, model, old, new, plan, Phase.WAITING, SHADOW, now)
    return _decided(release, now, "start", reason)


def ready(release: Release, now: float, reason: str) -> Release:
    """The new revision is loaded and answers: the first step."""
    first = SHADOW if release.plan.shadow > 0 else 0
    return _decided(replace(release, phase=Phase.CANARY, step=first, since=now), now, "step", reason)


def advance(release: Release, now: float, reason: str) -> Release:
    """The next step; after the last one the release is final."""
    if release.last_step:
        return promote(release, now, reason)
    return _decided(replace(release, step=release.step + 1, since=now), now, "step", reason)


def promote(release: Release, now: float, reason: str) -> Release:
    """The new revision takes all requests for good."""
    return _decided(replace(release, phase=Phase.PROMOTED, since=now), now, "promote", reason)


def roll_back(release: Release, now: float, reason: str) -> Release:
    """The old revision takes all requests again, because of what the new one did."""
    return _decided(replace(release, phase=Phase.ROLLED_BACK, since=now), now, "rollback", reason)


def abort(release: Release, now: float, reason: str) -> Release:
    """The old revision takes all requests again, because somebody wants so."""
    return _decided(replace(release, phase=Phase.ABORTED, since=now), now, "abort", reason)


def routes_of(release: Release, old: Route, new: Route | None, patience: float) -> tuple[Route, ...]:
    """The model's routes in this state; `new` is None while the new revision is not loaded. With all requests on the new one
    copies go to the old one, so that there is something to judge by."""
    if release.phase is Phase.PROMOTED and new is not None:
        return (replace(new, weight=1.0),)
    if release.phase is not Phase.CANARY or new is None:
        return (replace(old, weight=1.0),)
    share, shadow = release.share, release.plan.shadow
    trial = replace(new, weight=share, trial=True, patience=patience, shadow=shadow if release.step == SHADOW else 0.0)
    return (trial, replace(old, weight=1 - share, shadow=shadow if share == 1 else 0.0))


def _decided(release: Release, now: float, action: str, reason: str) -> Release:
    return replace(release, decisions=(*release.decisions, Decision(now, action, reason, release.share)))
