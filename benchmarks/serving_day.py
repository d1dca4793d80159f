"""A day of an endpoint in minutes: the real arrival trace and real queries, and a release in the middle of it.

    python benchmarks/serving_day.py [--release better|damaged] [--seconds 300] [--requests 1200] [--folder FOLDER]

A model of 2 million parameters, made from text by the project's own stages, is served by Ray Serve; at --hour (08:00) a release of
a revision that was trained for longer begins, or of one that was damaged after its training and can only be told by its
quality. Trace, queries and text are those of --data where they are there, else made up. Prints what clients saw by the hour
and the release's steps; FOLDER/day-RELEASE.json keeps both with the lines of the audit log.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.replay.hours import Hour, clock, percentiles
from benchmarks.replay.play import Day, play_day
from benchmarks.replay.revisions import make_revisions
from benchmarks.replay.trace import plan_day, read_queries, read_trace
from cluster.observe.progress import open_reporter
from cluster.session import session

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_COLUMNS = (
    "hour",
    "requests",
    "answers/s",
    "first token ms p50 / p95 / p99",
    "whole answer ms p50 / p95 / p99",
    "from cache",
    "429",
    "failed",
    "released revision",
    "release",
)


def main() -> None:
    options = parse()
    text = options.data / "corpus" / "zh_small.jsonl.gz"
    trace = read_trace(options.data / "queries" / "mooncake_conversation_trace.jsonl.gz")
    queries = read_queries(options.data / "queries" / "queries_zh.jsonl.gz")
    asks = plan_day(trace, queries, options.seconds, options.requests)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary).resolve()
        with session(cpus=2), open_reporter() as reporter:
            revisions = make_revisions(folder, text, options.steps, reporter)
            day = play_day(folder, text, revisions, options.release, asks, options.seconds, options.hour, reporter)
        (folder / f"day-{options.release}.json").write_text(
            json.dumps(asdict(day), ensure_ascii=False, indent=1), encoding="utf-8"
        )
    print(f"# {datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.0f}")
    print(
        f"{len(asks)} requests in {options.seconds:.0f} s of the {len(trace)} of {'the real' if text.is_file() else 'a made-up'} trace"
    )
    show(day)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", choices=("better", "damaged"), default="better")
    parser.add_argument("--seconds", type=float, default=300, help="how long the day is")
    parser.add_argument("--requests", type=int, default=1200, help="about how many of the trace")
    parser.add_argument("--hour", type=float, default=8, help="when the release begins")
    parser.add_argument("--steps", type=int, default=120, help="training steps of the model that is served at midnight")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folder", default="", help="where models and figures stay (default: a temporary folder)")
    return parser.parse_args()


def show(day: Day) -> None:
    row(*_COLUMNS)
    row(*["---"] * len(_COLUMNS))
    for hour in day.hours:
        row(*cells(hour), "; ".join(steps_of(day, hour.hour)))
    late = percentiles(day.late)
    failed = f"first failure: {day.failures[0]}" if day.failures else "no request failed"
    print(f"\n{failed}; the load generator was late by {1000 * late[1]:.0f} ms at 95 %; the release: {day.phase}\n")
    row("time of day", "second", "action", "share", "reason")
    row(*["---"] * 5)
    for each in day.decisions:
        at = each.at - day.began
        row(clock(at, day.seconds), f"{at:.1f}", each.action, f"{each.share:.0%}", each.reason)


def cells(hour: Hour) -> tuple[str, ...]:
    counts = (str(hour.kept), str(hour.refused), str(hour.failed))
    return (
        f"{hour.hour:02d}",
        str(hour.requests),
        f"{hour.answers_per_second:.1f}",
        times(hour.first),
        times(hour.whole),
        *counts,
        f"{hour.new:.0%}",
    )


def times(milliseconds: tuple[float, ...]) -> str:
    return " / ".join(f"{each:.0f}" for each in milliseconds) or "-"


def steps_of(day: Day, hour: int) -> Iterator[str]:
    """What was decided in an hour of the day."""
    for each in day.decisions:
        if clock(each.at - day.began, day.seconds).startswith(f"{hour:02d}:"):
            yield each.action if each.action != "step" else f"{each.share:.0%}" if each.share else "shadow"


def row(*shown: object) -> None:
    print("| " + " | ".join(str(each) for each in shown) + " |", flush=True)


if __name__ == "__main__":
    main()
