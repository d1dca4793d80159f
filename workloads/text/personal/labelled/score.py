"""Precision and recall by kind of what was found against what is marked. An item counts once, with its exact characters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workloads.text.personal.kind import Kind
from workloads.text.personal.labelled.marks import mark, unmark
from workloads.text.personal.scan import find_personal


@dataclass(frozen=True)
class KindScore:
    """`right` of `found` were marked; `marked` there are in all."""

    marked: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        return self.right / self.marked if self.marked else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0


@dataclass(frozen=True)
class Score:
    """By kind, and the sentences that were not judged as marked: (as marked, as found)."""

    kinds: dict[str, KindScore]
    wrong: tuple[tuple[str, str], ...]


def score(sentences: Iterable[str], kinds: Sequence[Kind]) -> Score:
    """Judge every marked sentence. Marks of kinds that are not asked for are no marks."""
    asked = {kind.name for kind in kinds}
    expected, found, right = Counter[str](), Counter[str](), Counter[str]()
    wrong = []
    for sentence in sentences:
        text, marks = unmark(sentence)
        wanted = {span for span in marks if span.kind in asked}
        got = find_personal(text, kinds)
        expected.update(span.kind for span in wanted)
        found.update(span.kind for span in got)
        right.update(span.kind for span in wanted & set(got))
        if wanted != set(got):
            wrong.append((mark(text, sorted(wanted)), mark(text, got)))
    return Score({name: KindScore(expected[name], found[name], right[name]) for name in sorted(asked)}, tuple(wrong))
