"""What the report tells, gathered from a run's newest checkpoint and its folder. Draws nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.manifest import Json
from workloads.training.checkpoint import LEDGER, METRICS, Checkpoint
from workloads.training.health.quarantine import LeftOut, Quarantine
from workloads.training.job import Job
from workloads.training.lost_time import Account
from workloads.training.order import LedgerLine, first_fault
from workloads.training.overseer import FILE as INCIDENTS


@dataclass(frozen=True)
class Incident:
    """`time`: Unix time."""

    time: float
    kind: str
    text: str


@dataclass(frozen=True)
class ReportFacts:
    """`metrics`: the lines of metrics.jsonl; `fault`: what is wrong with the ledger, empty where each row was read once."""

    run: str
    work: str
    steps: int
    planned: int
    tokens: int
    rows: int
    metrics: Sequence[Mapping[str, Json]]
    fault: str
    workers: Sequence[tuple[int, int]]
    account: Account
    incidents: Sequence[Incident]
    left_out: Sequence[LeftOut]
    settings: Mapping[str, Json]


def gather(job: Job, checkpoint: Checkpoint) -> ReportFacts:
    """Raises ArtifactError where the ledger cannot be read."""
    folder, state = job.folder(), checkpoint.state
    ledger = [LedgerLine.from_line(line) for line in checkpoint.lines(LEDGER)]
    incidents = [
        Incident(float(str(each.get("time"))), str(each.get("kind")), str(each.get("text")))
        for each in folder.read_lines(INCIDENTS)
    ]
    return ReportFacts(
        run=job.run,
        work=job.work.fingerprint,
        steps=state.step,
        planned=state.total_steps,
        tokens=state.tokens,
        rows=state.position,
        metrics=[json.loads(line) for line in checkpoint.lines(METRICS)],
        fault=first_fault(ledger, stop=state.position),
        workers=_workers(ledger),
        account=Account.read(folder),
        incidents=incidents,
        left_out=_left_out(ledger, Quarantine.read(folder)),
        settings={key: value for key, value in job.spec.to_json().items() if value not in (None, "")},
    )


def _workers(ledger: Sequence[LedgerLine]) -> list[tuple[int, int]]:
    """(first step, number of workers) wherever the number changes."""
    changes: list[tuple[int, int]] = []
    for line in sorted(ledger, key=lambda each: each.step):
        if not changes or changes[-1][1] != line.participants:
            changes.append((line.step, line.participants))
    return changes


def _left_out(ledger: Sequence[LedgerLine], quarantine: Quarantine) -> list[LeftOut]:
    """Of the steps that the ledger says were left out, with all that is known of them."""
    known = {entry.step: entry for entry in quarantine.entries()}
    return [known.get(line.step, LeftOut(line.step, line.skipped)) for line in ledger if line.skipped]
