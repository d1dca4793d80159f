"""corpus plan RECIPE: what the corpus of all the input will take in machines, hours and disk, from a part of it. Writes nothing."""

import argparse
import re
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from app.recipe import load_recipe
from cluster.config import RecipeFile
from cluster.errors import InputError
from cluster.stage import resolve_path
from workloads.corpus.clean import Cleaning
from workloads.corpus.costs import documents_in, measure
from workloads.corpus.decontamination.hits import open_decontaminator
from workloads.corpus.decontamination.items import find_sets
from workloads.corpus.estimate import (
    BLOCKS,
    CHARACTERS_PER_TOKEN,
    EFFICIENCY,
    LEAST_COMPARED_SHARE,
    Costs,
    Estimate,
    estimate,
)
from workloads.corpus.learned.load import load_learned
from workloads.corpus.limits import DRIVER_BYTES, Input, Spread, largest_run, spread
from workloads.corpus.reading.files import Found, find_files
from workloads.corpus.sampled import read_sample
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.words import load_lexicon

_SAMPLE = 20 << 20
_MACHINES = (1, 4, 16, 64)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)b?", re.IGNORECASE)
_PLAIN_WIDTH = 150  # columns where the output is no terminal


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
    file, recipe = load_recipe(options.recipe, options.overrides)
    spec = recipe.corpus
    found = find_files(tuple((each, resolve_path(file.folder, each.path)) for each in spec.inputs))
    costs = _measure(file, spec, found, int(options.sample))
    raw = options.bytes or float(found.bytes)
    given = _input(found, spec, raw)
    one_run = largest_run(costs, given, raw, options.driver_memory)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    whole = estimate(costs, raw, 4 if recipe.tokenizer.vocab_size > 1 << 16 else 2)
    part = spread(estimate(costs, one_run), costs.memory_factor, given)
    _show_input(console, found, costs, whole)
    _show_work(console, whole)
    _show_machines(console, whole, part, options.machine_cpus, options.hours, one_run / raw)
    _show_runs(console, raw, one_run, spread(whole, costs.memory_factor, given), part, options.driver_memory)
    _show_assumed(console, costs, spec)


def _measure(file: RecipeFile, spec: CorpusSpec, found: Found, budget: int) -> Costs:
    def resolve(path: str) -> str:
        return resolve_path(file.folder, path)

    sampled = read_sample(found.files, spec.reading.limits(), budget)
    if not documents_in(sampled):
        raise InputError(
            f"no document could be read from {len(found.files)} file(s)", "records with a text field", "check `corpus.inputs`"
        )
    sets = find_sets([(each, resolve(each.path)) for each in spec.decontamination.sets])
    decontaminator = open_decontaminator(sets, spec.decontamination)
    models, lexicon = load_learned(spec, resolve).models, load_lexicon(spec.lexicon, resolve)
    return measure(sampled, Cleaning(spec, lexicon=lexicon, decontaminator=decontaminator, models=models))


def _input(found: Found, spec: CorpusSpec, raw: float) -> Input:
    """More input is taken to come in more files of the same size."""
    packed = any(each.compression for each in found.files)
    return Input(min(found.bytes / len(found.files), raw), packed, spec.split_bytes)


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


def _show_input(console: Console, found: Found, costs: Costs, whole: Estimate) -> None:
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


def _show_work(console: Console, whole: Estimate) -> None:
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


def _show_machines(console: Console, whole: Estimate, part: Spread, processors: int, hours: int, share: float) -> None:
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
    console.print(
        f"Then the tokens stage: rows are packed by one process, {duration(whole.packing_hours)} on any number of machines\n"
    )


def _show_runs(console: Console, raw: float, one_run: float, whole: Spread, part: Spread, driver: float) -> None:
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


def _show_assumed(console: Console, costs: Costs, spec: CorpusSpec) -> None:
    lines = [
        f"{EFFICIENCY:.0%} of the processors' time goes into the work; a disk of 500 MB/s and 10 Gbit/s a machine; the slowest of the "
        "three counts",
        f"{CHARACTERS_PER_TOKEN} characters per token; encoding and packing as in benchmarks/RESULTS.md",
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
