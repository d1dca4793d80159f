"""Where two texts differ, for a reader who sees them side by side: clause by clause, then sign by sign.

Not for deciding anything: the similarity that decides is counted elsewhere (shingles.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal

Kind = Literal["same", "changed", "shared", "left out"]

_CLAUSE = re.compile(r"[^，。！？；：、\n,.!?;]*[，。！？；：、\n,.!?;]*")
_FINE = 400  # signs of a changed stretch up to which its signs are compared
_AROUND = 24  # signs shown on either side of a change
_LEAST_SAME = 2  # signs in common within a change; fewer are chance


@dataclass(frozen=True)
class Stretch:
    """`left out` stands for text that is not shown, and has none."""

    text: str
    kind: Kind


def differences(left: str, right: str, most: int) -> tuple[tuple[Stretch, ...], tuple[Stretch, ...]]:
    """Both texts in stretches, about `most` signs of each: the changes and a little around them; equal texts from their
    beginning."""
    steps = list(_steps(left, right))
    shown = tuple(
        _shown([(side[start:stop], equal) for equal, start, stop in each], most) for side, each in _sides(left, right, steps)
    )
    return shown[0], shown[1]


def _sides(
    left: str, right: str, steps: Sequence[tuple[bool, int, int, int, int]]
) -> Iterator[tuple[str, list[tuple[bool, int, int]]]]:
    yield left, [(equal, start, stop) for equal, start, stop, _, _ in steps]
    yield right, [(equal, start, stop) for equal, _, _, start, stop in steps]


def _steps(left: str, right: str) -> Iterator[tuple[bool, int, int, int, int]]:
    """(equal, from, to, in the other from, to), in order and without a gap."""
    clauses, others = _CLAUSE.findall(left), _CLAUSE.findall(right)
    at, there = 0, 0
    for name, a, b, c, d in SequenceMatcher(None, clauses, others, autojunk=False).get_opcodes():
        mine, theirs = "".join(clauses[a:b]), "".join(others[c:d])
        if name == "replace" and max(len(mine), len(theirs)) <= _FINE:
            yield from _fine(mine, theirs, at, there)
        else:
            same = len(mine) if name == "equal" else _alike(mine, theirs)
            yield True, at, at + same, there, there + same
            yield name == "equal", at + same, at + len(mine), there + same, there + len(theirs)
        at, there = at + len(mine), there + len(theirs)


def _alike(mine: str, theirs: str) -> int:
    """Signs from the beginning on that are equal."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(mine, theirs, strict=False)))


def _fine(mine: str, theirs: str, at: int, there: int) -> Iterator[tuple[bool, int, int, int, int]]:
    for name, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        equal = name == "equal" and b - a >= _LEAST_SAME
        yield equal, at + a, at + b, there + c, there + d


def _shown(parts: Sequence[tuple[str, bool]], most: int) -> tuple[Stretch, ...]:
    """Long equal parts are cut to what stands around the changes."""
    if all(equal for _, equal in parts):
        return excerpt("".join(text for text, _ in parts), most)
    found: list[Stretch] = []
    left = most
    for number, (text, equal) in enumerate(parts):
        if left <= 0:
            found.append(Stretch("", "left out"))
            break
        pieces = _around(text, number > 0, number < len(parts) - 1) if equal else excerpt(text, left, "changed")
        found += pieces
        left -= sum(len(piece.text) for piece in pieces)
    return tuple(_merged(found))


def _around(text: str, after: bool, before: bool) -> list[Stretch]:
    """An equal part: its beginning where a change stands before it, its end where one follows."""
    if len(text) <= _AROUND * (after + before):
        return [Stretch(text, "same")]
    parts = [Stretch(text[:_AROUND], "same")] if after else []
    parts.append(Stretch("", "left out"))
    return parts + ([Stretch(text[-_AROUND:], "same")] if before else [])


def excerpt(text: str, most: int, kind: Kind = "same") -> tuple[Stretch, ...]:
    """The beginning of a text."""
    return (Stretch(text, kind),) if len(text) <= most else (Stretch(text[:most], kind), Stretch("", "left out"))


def _merged(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Without empty ones, neighbours of one kind in one."""
    held: Stretch | None = None
    for each in stretches:
        if not each.text and each.kind != "left out":
            continue
        if held and held.kind == each.kind:
            held = Stretch(held.text + each.text, held.kind)
            continue
        if held:
            yield held
        held = each
    if held:
        yield held
