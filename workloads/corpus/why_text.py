"""An answer of why.py in words, one fact a line, for a terminal."""

from collections.abc import Iterator, Sequence

from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.why import Answer

_STAGES = ("rules", PERSONAL, LEXICON, "duplicates")
_WIDTH = 15
_DONE = {"mask": " masked", "tag": " left in the text"}


def to_text(answers: Sequence[Answer]) -> str:
    """All answers, an empty line between them."""
    return "\n\n".join("\n".join(_lines(each)) for each in answers)


def _lines(each: Answer) -> Iterator[str]:
    outcome = "kept" if each.stage == "kept" else f"dropped by {each.rule}"
    yield f"{each.file}:{each.position} is {'set aside' if each.stage == 'quarantine' else outcome}"
    if each.id:
        yield _line("id", each.id)
        yield _line("source", each.source)
    if each.stage == "quarantine":
        yield _line("quarantine", f"{each.rule}: {each.meaning}")
    else:
        yield from _stages(each)
    yield _line("begins", each.beginning)
    if each.matched:
        yield _line("stays", f"{each.matched.id}, {each.matched.file}:{each.matched.position}")
        yield _line("which begins", each.matched.beginning)


def _stages(each: Answer) -> Iterator[str]:
    if each.lines_removed:
        yield _line("changed", f"lines of boilerplate taken out: {each.lines_removed}")
    for stage in _STAGES:
        found = _found(each, stage)
        if stage == each.stage:
            limit = "" if each.threshold is None else f" against a threshold of {each.threshold:g}"
            yield _line(stage, f"{each.rule}, measured {each.value:.4g}{limit}: {each.meaning}{found}")
            return
        yield _line(stage, f"passed{found}")
    yield _line("split", each.split)


def _found(each: Answer, stage: str) -> str:
    counts = {PERSONAL: each.personal, LEXICON: each.lexicon}.get(stage, ())
    done = _DONE.get(each.personal_mode, "") if stage == PERSONAL else ""
    return "".join(f"; {name} {count}{done}" for name, count in counts)


def _line(name: str, value: str) -> str:
    return f"  {name.replace('_', ' '):<{_WIDTH}}{' '.join(value.split())}"
