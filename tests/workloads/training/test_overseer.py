"""Incidents are kept beside the run; who is slower than the others for long is told once."""

from cluster.artifacts import ArtifactStore
from cluster.observe.board import News
from cluster.observe.progress import SilentReporter, Value
from tests.workloads.training.test_clock import Ticking
from workloads.training.overseer import FILE, TOLD, Overseer, slowest
from workloads.training.run_folder import RunFolder


class Noting(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[dict[str, Value]] = []

    def note(self, event: str, **facts: Value) -> None:
        self.notes.append({"event": event, **facts})


def test_incidents_are_kept_over_restarts(store: ArtifactStore) -> None:
    folder = RunFolder.of(store, "a" * 20)
    for text in ("one", "two"):
        Overseer("run", folder, SilentReporter(), lambda: 5.0).hear(News(told=[(TOLD, {"kind": "hang", "text": text})]))
    assert folder.read_lines(FILE) == [{"time": 5.0, "kind": "hang", "text": text} for text in ("one", "two")]


def test_what_is_told_otherwise_is_no_incident(store: ArtifactStore) -> None:
    folder = RunFolder.of(store, "a" * 20)
    Overseer("run", folder, SilentReporter()).hear(News(told=[("other", {})]))
    assert folder.read(FILE) is None


def test_a_straggler_is_told_once_it_has_been_slow_for_long(store: ArtifactStore) -> None:
    folder, reporter, time = RunFolder.of(store, "a" * 20), Noting(), Ticking()
    overseer = Overseer("run", folder, reporter, time)
    for rank_two in (1.0, 3.0, 1.0, 3.0, 3.0, 3.0, 3.0):
        time.now += 16
        overseer.hear(News(paces={0: 1.0, 1: 1.1, 2: rank_two}))
    assert len(reporter.notes) == 1
    assert "rank 2 needs 2.7 times the median" in str(reporter.notes[0]["text"])
    assert [line["kind"] for line in folder.read_lines(FILE)] == ["straggler"]


def test_the_slowest_by_the_median() -> None:
    assert slowest({0: 1.0, 1: 1.0, 2: 2.5}) == (2, 2.5)
