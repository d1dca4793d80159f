"""release start|status|promote|abort|rollback: what is asked is left where a controller finds it, and what it says is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.commands import release as verbs
from app.release.desk import Desk, Look, Wish
from app.release.state import Plan, Release, advance, begin, ready
from tests.app.backup.conftest import Place
from tests.app.commands.conftest import Run, VerbOf


@pytest.fixture
def run(verb_of: VerbOf) -> Run:
    """`run("status")`: exit status, output and errors of the verb."""
    return verb_of("release")


@pytest.fixture
def desk(used: Place) -> Desk:
    return Desk(used.store, "tiny")


def under_way() -> Release:
    waiting = begin("abc", "tiny", 1, 2, Plan((0.05, 1.0), 60, 50, 0.1), time.time(), "by hand")
    return advance(ready(waiting, time.time(), "loaded"), time.time(), "nothing speaks against it")


@contextmanager
def controller(desk: Desk, note: str = "") -> Iterator[list[Wish]]:
    """Something that sees to wishes for the time of the block."""
    seen: list[Wish] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for name in desk.waiting():
                seen.append(desk.wish(name))
                desk.save(under_way())
                desk.show(Look(time.time(), "5%", note=note))
                desk.done(name)

    thread = threading.Thread(target=work)
    thread.start()
    yield seen
    ended.set()
    thread.join()


def test_status_before_and_during_a_release(run: Run, desk: Desk) -> None:
    assert run("status")[:2] == (0, "no release so far; start one with `hanlin release start`\n")
    desk.save(under_way())
    desk.show(Look(time.time(), "5%", "12 answers", {"errors": "0 of 38 answers against 0 of 700"}))
    status, shown, _ = run("status")
    assert status == 0
    assert "tiny: 1 -> 2, 5% of the requests (release abc)" in shown
    assert "waits for 12 answers\n" in shown
    assert "0 of 38 answers" in shown
    assert "nothing speaks against it" in shown
    told = json.loads(run("status", "--json")[1])
    assert (told["release"]["new"], told["look"]["waits_for"]) == (2, "12 answers")


def test_a_wish_reaches_who_leads_the_release(run: Run, desk: Desk) -> None:
    with controller(desk) as seen:
        status, shown, _ = run("start", "--revision", "2", "--reason", "better", "--compare", "bits", "--share", "0.2")
        assert (status, shown) == (0, "tiny: 1 -> 2, 5% of the requests (release abc)\n")
        for action in ("promote", "abort", "rollback"):
            assert run(action)[0] == 0
    first, *rest = seen
    assert (first.action, first.revision, first.compare, first.share) == ("start", 2, "bits", 0.2)
    assert first.reason.startswith("better (")
    assert [each.action for each in rest] == ["promote", "abort", "rollback"]


def test_a_refusal_is_told_as_such(run: Run, desk: Desk) -> None:
    with controller(desk, note="abort refused: no release is under way to abort"):
        status, _, error = run("abort")
    assert (status, error) == (2, "error: abort refused: no release is under way to abort\n")


def test_where_nobody_serves_a_start_waits_and_the_others_are_refused(
    run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_ANSWER_SECONDS", 0.1)
    status, shown, _ = run("start", "--revision", "2")
    assert (status, shown) == (0, "nobody serves it now; it starts when tiny is served\n")
    assert len(desk.waiting()) == 1
    status, _, error = run("promote")
    assert status == 1
    assert "nobody serves this model now" in error
    assert len(desk.waiting()) == 1


@pytest.mark.parametrize("more", [["--revision", "9"], ["--share", "1.5"]])
def test_what_cannot_be_released_is_told_at_once(run: Run, desk: Desk, more: list[str]) -> None:
    status, _, error = run("start", *more)
    assert (status, error.startswith("error: ")) == (2, True)
    assert desk.waiting() == []
