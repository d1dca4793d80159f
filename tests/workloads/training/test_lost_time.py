"""The account: every second of a run has a cause, over all its starts."""

import pytest

from cluster.artifacts import ArtifactStore
from workloads.training.clock import Spent
from workloads.training.lost_time import CAUSES, FILE, Account, Bookkeeper
from workloads.training.run_folder import RunFolder

WORK: Spent = {"compute": 1.5, "exchange": 0.25, "data": 0.25}


@pytest.fixture
def folder(store: ArtifactStore) -> RunFolder:
    return RunFolder.of(store, "a" * 20)


def test_a_step_that_stands_is_useful_but_for_what_it_waited() -> None:
    account = Account().stepped(1, {**WORK, "checkpoint": 0.5, "evaluation": 2.0}, applied=True, now=10)
    assert account.useful == 1.75
    assert account.lost == {"checkpoint": 0.5, "evaluation": 2.0, "data": 0.25}
    assert account.goodput == pytest.approx(1.75 / 4.5)


def test_a_step_done_again_and_one_left_out_are_lost() -> None:
    account = Account(reached=5).stepped(5, WORK, applied=True, now=10).stepped(6, WORK, applied=False, now=12)
    assert (account.useful, account.lost) == (0.0, {"redo": 2.0, "skipped": 2.0})
    assert account.reached == 6


def test_a_run_through_failure_resize_and_restart_accounts_for_every_second(folder: RunFolder) -> None:
    now = [1000.0]

    def books(session: float) -> Bookkeeper:
        return Bookkeeper(folder, session, every=0.0, now=lambda: now[0])

    def step(book: Bookkeeper, number: int, spent: Spent = WORK) -> object:
        now[0] += sum(spent.values())
        return book.step(number, spent, True)

    first = books(session=1000.0)
    now[0] += 7  # Ray, imports, opening
    assert step(first, 1, {"start": 3.0, **WORK}) is None
    step(first, 2)
    step(first, 3)
    now[0] += 20  # killed; others come up from the checkpoint of step 2
    second = books(session=1000.0)
    told = step(second, 3)
    assert told == ("failure", "the workers were lost; 20.0 s until others trained; 1 step(s) are done again")
    step(second, 4)
    second.end("stopped")
    now[0] += 4
    third = books(session=1000.0)
    assert step(third, 5) == ("resize", "the workers stopped and began again in 4.0 s; no step is done again")
    third.end("stopped")
    now[0] += 3600  # nobody wants it to run
    again = now[0]
    now[0] += 6
    fourth = books(session=again)
    assert step(fourth, 6, {"start": 1.0, **WORK}) is None
    account = fourth.account
    assert account.lost == {"start": 7 + 3 + 6 + 1, "data": 6 * 0.25, "failure": 20, "redo": 2.0, "resize": 4}
    assert account.useful == 6 * 1.75
    assert account.useful + sum(account.lost.values()) == pytest.approx(now[0] - 1000 - 3600)
    assert account.starts == 4
    assert set(account.lost) <= set(CAUSES)
    fourth.write()
    assert Account.read(folder) == account


def test_a_driver_that_died_is_told_of(folder: RunFolder) -> None:
    Bookkeeper(folder, 10.0, now=lambda: 20.0).step(5, WORK, True)
    told = Bookkeeper(folder, 500.0, now=lambda: 510.0).step(3, WORK, True)
    assert told == ("failure", "the run before ended without a word; 3 step(s) are done again")


def test_it_is_written_now_and_then(folder: RunFolder) -> None:
    now = [0.0]
    book = Bookkeeper(folder, 0.0, every=10.0, now=lambda: now[0])
    book.step(1, WORK, True)
    written = folder.read(FILE)
    now[0] = 5
    book.step(2, WORK, True)
    assert folder.read(FILE) == written
    now[0] = 11
    book.step(3, WORK, True)
    assert Account.read(folder).reached == 3
