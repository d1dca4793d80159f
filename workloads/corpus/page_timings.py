"""timings.html of a corpus: time and memory of each step, a page of its own, since all else in report.html is the same in every
run. Not for measuring (cluster/observe/usage.py)."""

from collections.abc import Sequence

from cluster.observe.usage import StepUsage
from workloads.corpus.page_parts import cards, document, section, table

PAGE = "timings.html"
_HEAD = ("step", "clock", "", "processors", "at work", "memory", "driver", "largest worker")
_WHOLE = (
    "Time on the clock and of all processors, and how many were at work; memory at most, of all processes at one moment, Ray's"
    " too, shared memory counted once. Sampled; Ray's own start came before. A step begins where the driver comes to it: tasks"
    " of the one before may still run."
)
_DRIVER_ALONE = "Of the driver alone: the workers are on a cluster's machines, which this process does not see."


def timings_page(name: str, steps: Sequence[StepUsage], characters: int) -> str:
    """`characters`: read in all steps together."""
    seconds, spent = sum(step.seconds for step in steps), sum(step.processor_seconds for step in steps)
    highest = max(steps, key=lambda step: step.peak_bytes)
    figures = (
        ("time", _time(seconds), f"{characters / max(seconds, 1e-9):,.0f} characters a second"),
        ("of processors", _time(spent), f"{spent / max(seconds, 1e-9):.1f} at work on average"),
        ("memory at most", _size(highest.peak_bytes), f"all processes together, while {highest.step}"),
        ("largest worker", _size(max(step.worker_bytes for step in steps)), "one process alone"),
    )
    note = _WHOLE if all(step.whole for step in steps) else _DRIVER_ALONE
    body = cards(figures) + section("Step by step", _steps(steps, seconds), note)
    return document(f"Time and memory of corpus {name}", f'<p class="note"><a href="report.html">Report</a></p>{body}')


def _steps(steps: Sequence[StepUsage], seconds: float) -> str:
    highest = max(step.peak_bytes for step in steps)
    rows = [
        (
            step.step,
            _time(step.seconds),
            _bar(step.seconds / max(seconds, 1e-9)),
            _time(step.processor_seconds),
            f"{step.processor_seconds / max(step.seconds, 1e-9):.1f}",
            f"{_size(step.peak_bytes)}{_bar(step.peak_bytes / max(highest, 1))}",
            _size(step.driver_bytes),
            _size(step.worker_bytes) if step.worker_bytes else "",
        )
        for step in steps
    ]
    return table(_HEAD, rows, "timings")


def _bar(share: float) -> str:
    return f'<span class="track"><i class="keep" style="width:{100 * share:.2f}%"></i></span>'


def _time(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 600 else f"{seconds:.1f} s"


def _size(size: int) -> str:
    """Decimal units, as in the benchmarks."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
