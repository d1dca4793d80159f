"""A day of one cluster that serves and trains: the load rises and training gives room; it falls and training takes it back.

    python benchmarks/day.py [--clients 12] [--answers 60] [--folder FOLDER]

On one local machine of four logical processors (cluster/local) a small model, made from generated text by the project's own
stages, is served by one or two replicas of a processor each, and its successor is trained on one to three. A phase ends when its
answers have come, its numbers of replicas and workers are reached and the training has told progress with them. Prints a table
of the phases; FOLDER/day.json keeps it, FOLDER/runs the artifacts.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.sharing.clients import Clients
from benchmarks.sharing.cluster import CPUS, MODEL, Workshop, one_machine, served
from benchmarks.sharing.play import Course, Phase, Plan, Play
from cluster.errors import Interrupted
from cluster.observe.progress import open_reporter
from workloads.corpus.demo import demo_prompts

_COLUMNS = (
    "phase",
    "clients",
    "s",
    "answered",
    "failed",
    "p50 s",
    "p95 s",
    "replicas",
    "workers",
    "steps after s",
    "training tokens/s",
)


@dataclass(frozen=True)
class Day:
    """What was seen of it. `goodput`: share of the seconds since the training began, its waiting for room
    among them, that went into steps that stand."""

    phases: list[Phase]
    goodput: float
    steps: int
    tokens: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=12, help="clients at the highest load; at night there is one")
    parser.add_argument("--answers", type=int, default=60, help="answers at least of the phases that only wait for them")
    parser.add_argument("--folder", default="", help="where artifacts and day.json stay (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary).resolve()
        print(f"# {datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.0f}")
        with one_machine():
            day = play_day(folder, plans(options.clients, options.answers))
        (folder / "day.json").write_text(json.dumps(asdict(day), indent=1), encoding="utf-8")
    tell_end(day)


def plans(clients: int, answers: int) -> list[Plan]:
    """Night, morning, noon, evening, night."""
    full, shared = CPUS - 1, CPUS - 2
    return [
        Plan("night", 1, 1, full, answers, posts=20),
        Plan("morning", clients, 2, shared, 1, posts=1),
        Plan("noon", clients, 2, shared, answers * 3, posts=20),
        Plan("evening", 1, 1, full, 1, posts=1),
        Plan("night again", 1, 1, full, answers, posts=20),
    ]


def play_day(folder: Path, phases: list[Plan]) -> Day:
    """Needs a session. The training runs in this (main) thread, the day beside it; the day's end stops the training."""
    with open_reporter() as reporter:
        workshop = Workshop(folder, reporter)
        model = workshop.prepare()
    questions = [each.question for each in demo_prompts(folder)]
    course = Course()
    most = max(each.clients for each in phases)
    with served(model) as url, Clients(url, MODEL, questions, most) as clients, ThreadPoolExecutor(1) as pool:
        row(*_COLUMNS)
        row(*["---"] * len(_COLUMNS))
        play = Play(clients, course, tell)
        before, begun = workshop.trained(), time.monotonic()
        playing = pool.submit(play_then_stop, play, phases, course)
        try:
            workshop.train_until_told(course)
        except Interrupted:
            pass
        finally:
            course.ended.set()
        elapsed = time.monotonic() - begun
        playing.result()
    after = workshop.trained()
    return Day(play.phases, (after.seconds - before.seconds) / elapsed, after.step, after.tokens)


def play_then_stop(play: Play, phases: list[Plan], course: Course) -> None:
    """Whatever became of the day, the training is told to stop, as a person does it: it leaves a checkpoint."""
    try:
        play.run(phases)
    finally:
        if not course.ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


def tell(phase: Phase) -> None:
    times = (f"{phase.p50:.2f}", f"{phase.p95:.2f}")
    sizes = (f"{phase.replicas} after {phase.until_replicas:.0f} s", f"{phase.workers} after {phase.until_workers:.0f} s")
    course = (f"{phase.until_steps:.0f}", f"{phase.tokens_per_second:,.0f}")
    row(phase.name, phase.clients, f"{phase.seconds:.0f}", phase.answered, phase.failed, *times, *sizes, *course)
    if phase.failed:
        print(f"first failure: {phase.first_failure}")


def tell_end(day: Day) -> None:
    named = {each.name: each for each in day.phases}
    morning, evening = named["morning"], named["evening"]
    print(f"\ntraining's goodput {day.goodput:.2f} ({day.steps:,} steps, {day.tokens:,} tokens)")
    print(
        f"from load to the second copy {morning.until_replicas:.1f} s, to the steps of fewer workers {morning.until_steps:.1f} s"
    )
    print(f"from calm to one copy {evening.until_replicas:.1f} s, to the steps of all workers {evening.until_steps:.1f} s")


def row(*cells: object) -> None:
    print("| " + " | ".join(str(each) for each in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
