"""The driver's ear while workers train: incidents into the run's folder, the log and Prometheus; who is slower than the others.

Not for stopping or starting workers: supervise.py and elastic.py.
"""

import logging
import time
from collections.abc import Callable, Mapping
from statistics import median

from cluster.errors import HanlinError
from cluster.manifest import Json
from cluster.observe import metrics
from cluster.observe.board import News
from cluster.observe.logs import event
from cluster.observe.progress import Reporter
from workloads.training.listener import IncidentKind
from workloads.training.run_folder import RunFolder

FILE = "incidents.jsonl"
TOLD = "training_incident"
_LOG = logging.getLogger(__name__)
_SLOW = 1.5  # times the median makes a straggler ...
_SLOW_SECONDS = 30.0  # ... once it has been so slow for so long


class Overseer:
    """Hears what a board brings. A folder that cannot be written costs the record of incidents, not the run."""

    def __init__(self, run: str, folder: RunFolder, reporter: Reporter, now: Callable[[], float] = time.time) -> None:
        self._run, self._folder, self._reporter, self._now = run, folder, reporter, now
        self._paces: dict[int, float] = {}
        self._slow: tuple[int, float] | None = None
        self._told_of: int | None = None
        self._incidents: list[dict[str, Json]] | None = None

    def hear(self, news: News) -> None:
        for name, facts in news.told:
            if name == TOLD:
                self._keep(str(facts["kind"]), str(facts["text"]))
        self._paces |= news.paces
        self._look_for_stragglers(news.paces)

    def _look_for_stragglers(self, new: Mapping[int, float]) -> None:
        if not new or len(self._paces) < 2:
            return
        rank, ratio = slowest(self._paces)
        metrics.TRAINING_STRAGGLER.record(ratio, run=self._run)
        if ratio < _SLOW:
            self._slow, self._told_of = None, None
            return
        if self._slow is None or self._slow[0] != rank:
            self._slow = (rank, self._now())
        if self._now() - self._slow[1] >= _SLOW_SECONDS and self._told_of != rank:
            self._told_of = rank
            text = f"rank {rank} needs {ratio:.1f} times the median for its part of a step ({self._paces[rank]:.2f} s)"
            self.record("straggler", text)

    def record(self, kind: IncidentKind, text: str) -> None:
        """Tell and keep something that the driver itself has seen."""
        self._reporter.note(TOLD, kind=kind, text=text)
        self._keep(kind, text)

    def _keep(self, kind: IncidentKind | str, text: str) -> None:
        event(_LOG, TOLD, logging.WARNING, run=self._run, kind=kind, text=text)
        metrics.TRAINING_INCIDENTS.record(run=self._run, kind=kind)
        try:
            if self._incidents is None:
                self._incidents = self._folder.read_lines(FILE)
            self._incidents.append({"time": round(self._now(), 1), "kind": kind, "text": text})
            self._folder.write_lines(FILE, self._incidents)
        except HanlinError as error:
            event(_LOG, "incidents_not_kept", logging.WARNING, reason=str(error))


def slowest(paces: Mapping[int, float]) -> tuple[int, float]:
    """(process, its seconds by the median's) of the one that needs longest."""
    process = max(paces, key=lambda each: paces[each])
    return process, paces[process] / max(median(paces.values()), 1e-9)
