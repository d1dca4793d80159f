"""How the plan of a corpus is shown: tables of input, work, machines and runs, and what is assumed."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from workloads.corpus.estimate import (
    BLOCKS,
    CHARACTERS_PER_TOKEN,
    EFFICIENCY,
    LEAST_COMPARED_SHARE,
    Costs,
    Estimate,
)
from workloads.corpus.limits import Spread
from workloads.corpus.reading.files import Found
from workloads.corpus.spec import CorpusSpec

_MACHINES = (1, 4, 16, 64)
_PLAIN_WIDTH = 150  # columns where the output is no terminal


def open_console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right", no_wrap=True)
    return table


def _rows(console: Console, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = _table(*names)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()


def show_input(console: Console, found: Found, costs: Costs, whole: Estimate) -> None:
    packed = sum(1 for each in found.files if each.compression)
    console.print(
        f"{len(found.files):,} file(s) of {human(found.bytes)}, {packed:,} of them packed; measured on {human(costs.raw_bytes)} "
        f"of it ({costs.documents:,} documents, {human(costs.text_bytes)} of text)\n"
    )
    rows = [
        ("input", human(whole.raw_bytes), ""),
        ("text read", human(whole.text_bytes), count(whole.documents)),
        ("kept by the rules", human(whole.text_bytes * costs.undropped_bytes / costs.text_bytes), count(whole.undropped)),
        ("kept after duplicates", human(whole.kept_bytes), count(whole.kept)),
        ("tokens", human(whole.written["tokens"]), count(whole.tokens)),
    ]
    _rows(console, ("all input", "size", "number"), rows)


def show_work(console: Console, whole: Estimate) -> None:
    hours = [(step, duration(value)) for step, value in whole.processor_hours.items()]
    hours += [
        ("corpus stage", duration(whole.total_processor_hours)),
        ("encoding (tokens stage)", duration(whole.encoding_hours)),
    ]
    _rows(console, ("of one processor", "time"), hours)
    kinds = [(kind, human(size)) for kind, size in whole.exchanged.items() if kind != BLOCKS]
    _rows(console, ("exchanged between tasks", "bytes"), [*kinds, ("together", human(whole.shuffled_bytes))])
    disk = [(f"store: {name}", human(size)) for name, size in whole.written.items()]
    disk += [("in memory or spilled: blocks as read", human(whole.blocks["read"]))]
    disk += [("in memory or spilled: most at one time", human(whole.spilled_bytes))]
    _rows(console, ("disk", "bytes"), disk)


def show_machines(console: Console, whole: Estimate, part: Spread, processors: int, hours: int, share: float) -> None:
    enough = whole.machines(hours, processors)
    rows = []
    for machines in sorted({*_MACHINES, enough}):
        time = whole.time(machines, processors)
        mark = f"within {hours} h" if machines == enough else ""
        rows.append(
            (f"{machines:,}", duration(time.hours), time.waits_for, human(share * whole.disk_per_machine(machines)), mark)
        )
    console.print(
        f"Machines of {processors} processors; memory of each: {human(part.task_bytes * processors)} for tasks at work"
    )
    _rows(console, ("machines", "time", "waits for", "disk of each", ""), rows)


def show_runs(console: Console, raw: float, one_run: float, whole: Spread, part: Spread, driver: float) -> None:
    rows = [("all input at once", human(raw), *_spread(whole))]
    if one_run < raw:
        rows.append(("largest run", human(one_run), *_spread(part)))
    _rows(console, ("in one run", "input", "blocks", "partitions", "files", "objects", "driver's memory", "a task's"), rows)
    if one_run < raw:
        console.print(
            f"All at once does not fit: the exchange has one round, and the driver {human(driver)} for references and small objects. "
            f"Cut the input into {-(-raw // one_run):,.0f} parts, run one after the other, each a corpus of its own: duplicates are "
            "then found within a part. A part that extends another (`corpus.base`) meets the same limit, since much of the index comes "
            "along.\n",
            soft_wrap=True,
        )


def _spread(each: Spread) -> tuple[str, ...]:
    numbers = (each.blocks, each.partitions, each.files, each.objects)
    return (*map(count, numbers), human(each.driver_bytes), human(each.task_bytes))


def show_assumed(console: Console, costs: Costs, spec: CorpusSpec) -> None:
    lines = [
        f"{EFFICIENCY:.0%} of the processors' time goes into the work; a disk of 500 MB/s and 10 Gbit/s a machine; the slowest of the "
        "three counts",
        f"{CHARACTERS_PER_TOKEN} characters per token; encoding as in benchmarks/RESULTS.md",
        f"{costs.compared_share:.1%} of the documents measured have another to be compared with; at least "
        f"{LEAST_COMPARED_SHARE:.0%} are counted. More input holds more copies, which lowers what is kept",
        "all input is like the part measured, and comes in at least as many files as there are processors where it is packed",
    ]
    if spec.duplicates.paragraph_characters or spec.duplicates.passages != "off":
        lines.append("paragraphs and passages that documents share are not counted")
    if spec.calibrate.rules.given():
        lines.append("calibration is not counted")
    console.print("Assumed", style="dim")
    for line in lines:
        console.print(f"- {line}", soft_wrap=True)


def human(size: float) -> str:
    """Bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} PB"


def count(number: float) -> str:
    for unit in ("", " thousand", " million", " billion"):
        if number < 99_999.5 and not unit:
            return f"{number:,.0f}"
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:,.3g} trillion"


def duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.3g} h"
    return f"{60 * hours:.3g} min" if 60 * hours >= 1 else f"{3600 * hours:.3g} s"
