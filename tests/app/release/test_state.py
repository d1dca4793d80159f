"""A release as a value: its steps, its routes, and that nothing is lost on the way through JSON."""

import pytest

from app.gateway.routes import Route, choose
from app.release.state import SHADOW, Phase, Plan, Release, abort, advance, begin, promote, ready, roll_back, routes_of

PLAN = Plan((0.01, 0.25, 1.0), 60.0, 50, 0.1)
OLD, NEW = Route("lm@1", "model-lm@1", 0.0), Route("lm@2", "model-lm@2", 0.0)


@pytest.fixture
def release() -> Release:
    return begin("r1", "lm", 1, 2, PLAN, 5.0, "by hand")


def test_it_goes_through_shadow_and_every_step_to_the_end(release: Release) -> None:
    assert (release.phase, release.share) == (Phase.WAITING, 0.0)
    release = ready(release, 6.0, "loaded")
    assert (release.phase, release.step, release.share, release.since) == (Phase.CANARY, SHADOW, 0.0, 6.0)
    shares = []
    while not release.phase.final:
        release = advance(release, release.since + 1, "well")
        shares.append(release.share)
    assert shares == [0.01, 0.25, 1.0, 1.0]
    assert release.phase is Phase.PROMOTED
    assert [each.action for each in release.decisions] == ["start", "step", "step", "step", "step", "promote"]


def test_without_shadow_the_first_share_comes_first() -> None:
    release = ready(begin("r", "lm", 1, 2, Plan((0.5, 1.0), 0, 0, 0.0), 0, ""), 0, "")
    assert release.share == 0.5


@pytest.mark.parametrize(("end", "phase"), [(roll_back, Phase.ROLLED_BACK), (abort, Phase.ABORTED)])
def test_going_back_gives_everything_to_the_old_one(release: Release, end: object, phase: Phase) -> None:
    over = end(advance(ready(release, 1, ""), 2, ""), 3.0, "why")  # type: ignore[operator]
    assert (over.phase, over.share, over.decisions[-1].reason) == (phase, 0.0, "why")
    assert routes_of(over, OLD, NEW, 1.0) == (Route("lm@1", "model-lm@1", 1.0),)


def test_json_and_back(release: Release) -> None:
    later = promote(advance(ready(release, 1, "甲"), 2, "乙"), 3, "丙")
    assert Release.from_json(later.to_json()) == later


def test_a_conversation_on_the_new_one_stays_there_while_its_share_grows(release: Release) -> None:
    release = ready(release, 0, "")
    on_new: set[int] = set()
    while not release.last_step:
        release = advance(release, 0, "")
        table = {"lm": routes_of(release, OLD, NEW, 1.0)}
        now = {place for place in range(1000) if choose(table, "lm", place / 1000).revision == "lm@2"}
        assert on_new <= now
        assert len(now) == pytest.approx(1000 * release.share, abs=1)
        on_new = now
    assert len(on_new) == 1000
