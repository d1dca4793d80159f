"""corpus plan RECIPE: its arguments. What it does: corpus_plan_measure.py, which takes heavy imports along."""

import argparse
import re

from workloads.corpus.estimate import DRIVER_BYTES

_SAMPLE = 20 << 20
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)b?", re.IGNORECASE)


def size_of(text: str) -> float:
    """Bytes of `10TB`, `600 MB` or `1234`; units are decimal. Raises argparse.ArgumentTypeError."""
    found = _SIZE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it like 600MB, 1.5GB or 10TB")
    return float(found[1]) * _UNITS[found[2].lower()]


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bytes", type=size_of, metavar="SIZE", help="plan for so much input like this (default: this input)")
    parser.add_argument("--machine-cpus", type=_positive, default=32, help="processors of a machine (default: 32)")
    parser.add_argument("--hours", type=_positive, default=24, help="time that the corpus stage may take (default: 24)")
    parser.add_argument(
        "--driver-memory",
        type=size_of,
        default=DRIVER_BYTES,
        metavar="SIZE",
        help="what the process that starts the tasks may take (default: 16 GB)",
    )
    parser.add_argument("--sample", type=size_of, default=_SAMPLE, metavar="SIZE", help="how much to measure (default: 20 MB)")


def run(options: argparse.Namespace) -> None:
    from app.commands.corpus_plan_measure import run_plan

    run_plan(options)
