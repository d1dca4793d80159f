"""The questions that the demo asks its model at the end, with what the world says."""

import json
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import InputError
from workloads.corpus.demo.corpus import WORLD
from workloads.corpus.demo.genres.sums import Sum
from workloads.corpus.demo.lexicon.seasons import SEASONS


@dataclass(frozen=True)
class DemoPrompt:
    """`answer` is the whole sentence; `key` is the part of it that a right answer must hold."""

    question: str
    answer: str
    key: str


def demo_prompts(folder: Path) -> list[DemoPrompt]:
    """Three questions about the world written below `folder`. Raises InputError where none lies there."""
    try:
        people = json.loads((folder / WORLD).read_text(encoding="utf-8"))["people"]
    except (OSError, ValueError) as error:
        raise InputError(
            f"no demo world in {folder}", f"a folder with {WORLD}", "write it with `hanlin demo-corpus`"
        ) from error
    girl = next(person for person in people if person["name"] == "王小梅")
    three_and_five, spring = Sum(3, 5, True), SEASONS[0]
    return [
        DemoPrompt("王小梅住在哪里？", f"王小梅住在{girl['home']}。", girl["home"]),
        DemoPrompt("春天人们做什么？", f"春天，人们{spring.work}。", spring.work),
        DemoPrompt("三加五等于几？", three_and_five.answer, "八"),
    ]
