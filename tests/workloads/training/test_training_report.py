"""The report of a run: curves, account, incidents and what was left out, with every text escaped."""

from html.parser import HTMLParser

import pytest

from cluster.observe.progress import SilentReporter
from tests.workloads.training.conftest import run_in_threads
from workloads.training.checkpoint import Checkpoint
from workloads.training.health.quarantine import LeftOut, SuspectRow
from workloads.training.job import Job
from workloads.training.lost_time import Account, Bookkeeper
from workloads.training.overseer import Overseer
from workloads.training.report.facts import ReportFacts, gather
from workloads.training.report.page import page
from workloads.training.report.write import FILE, write_report

EMPTY = {"input", "br", "meta"}


class Nesting(HTMLParser):
    """Fails where a tag closes another one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None: ...

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _last(job: Job) -> Checkpoint:
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    return found


def test_a_run_is_reported_from_what_it_left(job: Job) -> None:
    run_in_threads(job, 2)
    Bookkeeper(job.folder(), 1.0, now=lambda: 20.0).step(12, {"compute": 6.0, "data": 2.0}, True)
    Overseer(job.run, job.folder(), SilentReporter()).record("hang", "rank 0 hangs in <data>")
    facts = gather(job, _last(job))
    assert (facts.steps, facts.rows, facts.fault, facts.workers) == (12, 72, "", [(0, 2)])
    assert [m["step"] for m in facts.metrics] == [2, 4, 6, 8, 10, 12]
    data = write_report(job, _last(job))
    assert data is not None
    assert job.folder().read(FILE) == data
    text = data.decode()
    Nesting().feed(text)
    for part in ("held-out text", "<svg", "until the first step of a start", "rank 0 hangs in &lt;data&gt;", "[0, 72)"):
        assert part in text
    assert "<data>" not in text


def test_what_was_left_out_is_shown_with_its_documents() -> None:
    entry = LeftOut(7, "loss is no number", rolled_back_to=4, rows=(SuspectRow(3, ("<id>",), None), SuspectRow(5, ("d",), 2.5)))
    facts = ReportFacts("run", "w" * 20, 8, 0, 0, 48, [], "gap: ...", [], Account(), [], [entry], {})
    text = page(facts)
    Nesting().feed(text)
    for part in ("step 7", "went back to step 4", "&lt;id&gt;", "row 5, loss 2.500", "Wrong: gap"):
        assert part in text


def test_a_run_without_a_folder_is_reported_too(job: Job) -> None:
    run_in_threads(job, 1)
    facts = gather(job, _last(job))
    assert (facts.account, facts.incidents, facts.left_out) == (Account(), [], [])
    assert "Incidents" in page(facts)
