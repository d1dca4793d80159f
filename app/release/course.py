"""What a release does next, from what is known now: stay, take the next step, go back. Pure."""

from dataclasses import replace

from app.release.judge import Judge
from app.release.state import SHADOW, Phase, Release, advance, promote, roll_back


def course(release: Release, judge: Judge, trouble: str, now: float) -> Release:
    """The release after this look at it; the same where nothing is decided. `trouble`: what is wrong with the replicas of
    the new revision, if anything."""
    if release.phase is not Phase.CANARY:
        return release
    if why := trouble or judge.worse():
        return roll_back(release, now, why)
    if judge.comparison and release.step == 0:
        return _compared(release, judge, now)
    if waits_for(release, judge, now):
        return release
    return advance(release, now, f"{judge.step_answers} answers in {now - release.since:.0f} s, nothing speaks against it")


def waits_for(release: Release, judge: Judge, now: float) -> str:
    """What the present step still lacks; empty where nothing."""
    plan = release.plan
    lacks = []
    if (left := release.since + plan.hold_seconds - now) > 0:
        lacks.append(f"{left:.0f} s")
    if (short := plan.least_samples - judge.step_answers) > 0:
        lacks.append(f"{short} answers")
    if judge.comparison and release.step == 0:
        lacks.append("a winner")
    if suspicion := judge.suspicion():
        lacks.append(f"more evidence ({suspicion})")
    return ", ".join(lacks)


def told_step(release: Release) -> str:
    """The step in words."""
    if release.phase is not Phase.CANARY:
        return release.phase.value
    return "shadow" if release.step == SHADOW else f"{release.share:.0%} of the requests"


def by_hand(release: Release, reason: str, now: float) -> Release:
    """Promoted without waiting."""
    return promote(replace(release, step=len(release.plan.steps) - 1), now, reason)


def _compared(release: Release, judge: Judge, now: float) -> Release:
    if judge.comparison is None:
        return release
    result = judge.comparison.result()
    if result.winner == "new":
        return advance(release, now, f"better than the old one ({result.text})")
    if result.winner in ("old", "neither"):
        said = "worse than the old one" if result.winner == "old" else "not better than the old one"
        return roll_back(release, now, f"{said} ({result.text})")
    return release
