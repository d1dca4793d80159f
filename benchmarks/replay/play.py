"""Plays one day against a real endpoint, with a release that begins at an hour of it. Not for the models (revisions.py)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.endpoint import open_endpoint
from app.registry.audit import AuditEntry
from app.release.desk import Desk, Wish
from app.release.state import Decision, Phase
from benchmarks.replay.clients import Clients
from benchmarks.replay.hours import HOURS, Hour, by_hour
from benchmarks.replay.revisions import MODEL, Revisions, context_in, recipe_of
from benchmarks.replay.trace import Ask
from cluster.observe.progress import Reporter

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0
_WARM = 6
RELEASE: dict[str, object] = {"steps": [0.1, 0.25, 0.5, 1.0], "hold_seconds": 8, "least_samples": 12, "shadow": 0.2}
"""A day of minutes has steps of seconds. What is judged, and how sure, is as by default."""


@dataclass(frozen=True)
class Day:
    """What was seen of a day of `seconds`. `began`: seconds since the epoch."""

    seconds: float
    began: float
    released: str
    phase: str
    hours: list[Hour]
    decisions: list[Decision]
    audit: list[AuditEntry]
    late: list[float]
    failures: list[str]


def play_day(
    folder: Path,
    text: Path,
    revisions: Revisions,
    released: str,
    asks: Sequence[Ask],
    seconds: float,
    hour: float,
    reporter: Reporter,
) -> Day:
    """Needs a session. `released`: the name of the revision whose release begins at `hour`. The damaged one is not asked in
    shadow first, so that it comes to clients."""
    revisions.registry.promote(str(revisions.numbers["today"]), "the day begins with it")
    recipe = recipe_of(text, 1, RELEASE | ({"shadow": 0.0} if released == "damaged" else {}))
    context = context_in(folder, recipe, reporter)
    desk, number = Desk(context.store, MODEL), revisions.numbers[released]
    known = len(revisions.registry.audit.entries())
    with open_endpoint(recipe, context) as endpoint:
        with Clients(endpoint.url, MODEL, asks[:_WARM]):
            pass
        with Clients(endpoint.url, MODEL, asks) as clients:
            time.sleep(max(0.0, clients.began + seconds * hour / HOURS - time.time()))
            desk.ask(Wish("start", f"the {released} revision", number))
        wait_for_end(desk, number)
    release = desk.load()
    assert release is not None
    return Day(
        seconds=seconds,
        began=clients.began,
        released=f"{MODEL}@{number}",
        phase=release.phase,
        hours=by_hour(clients.answers, seconds, f"{MODEL}@{number}"),
        decisions=list(release.decisions),
        audit=revisions.registry.audit.entries()[known:],
        late=[each.late for each in clients.answers],
        failures=[each.failure for each in clients.answers if each.failure],
    )


def wait_for_end(desk: Desk, number: int) -> None:
    """Until what was decided is done. A release that is under way at midnight stays so: nobody asks any more."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        release = desk.load()
        if release is not None and release.new == number and (release.closed or release.phase is Phase.CANARY):
            return
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"the release of {number} did not begin in {_PATIENCE_SECONDS:.0f} s: {desk.load()}")
