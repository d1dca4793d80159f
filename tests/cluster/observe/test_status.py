"""What a run tells to others: whole, from another process's clock, and through to its own reporter."""

import time

from cluster.artifacts import ArtifactStore
from cluster.observe.progress import SilentReporter, Value
from cluster.observe.status import StatusReporter, read_statuses, shared_status


class Hearing(SilentReporter):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        self.heard.append(f"start {stage}")

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        self.heard.append(f"advance {done}")

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        self.heard.append(f"finish {outcome}")

    def note(self, event: str, **facts: Value) -> None:
        self.heard.append(f"note {event}")


def test_it_is_handed_on_and_written_down(store: ArtifactStore) -> None:
    hearing = Hearing()
    with shared_status(hearing, store.root, "mine") as reporter:
        reporter.start("training", "tokens", 100)
        reporter.advance("training", 10, loss=3.5)
        reporter.note("training_plan", work="abc")
        reporter.note("training_plan", work="def")
        reporter.finish("training", "stopped")
    assert hearing.heard == ["start training", "advance 10", "note training_plan", "note training_plan", "finish stopped"]
    (status,) = read_statuses(store.root)
    (stage,) = status.stages
    assert (status.run, status.ended, status.note("training_plan")["work"]) == ("mine", True, "def")
    assert (stage.name, stage.done, stage.total, stage.outcome, stage.facts) == ("training", 10, 100, "stopped", {"loss": 3.5})
    assert status.note("other") == {}


def test_a_run_in_progress_is_seen_by_another_clock(store: ArtifactStore) -> None:
    reporter = StatusReporter(SilentReporter(), store.root, "mine")
    reporter.start("corpus", "documents", 1000)
    reporter.advance("corpus", 0)
    reporter._stages["corpus"].started -= 100
    reporter._stages["corpus"].first_counted -= 50
    reporter.advance("corpus", 500)
    reporter.write()
    (status,) = read_statuses(store.root)
    (stage,) = status.stages
    assert not status.ended
    assert 100 <= time.monotonic() - stage.started < 160
    assert 0 < stage.rate <= 10
    assert stage.eta_seconds is not None


def test_a_run_with_nothing_to_do_leaves_nothing(store: ArtifactStore) -> None:
    with shared_status(SilentReporter(), store.root, "mine") as reporter:
        reporter.finish("corpus", "already done")
    assert read_statuses(store.root) == []
