"""Pairs of questions in a file of JSON lines: proposed from a log to be labelled by people, and read back with their labels.

{"asked": "怎么还款", "found": "如何还款", "similarity": 0.97, "same": null}
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from app.gateway.semantic.calibration import may_share
from cluster.config import Spec
from cluster.errors import InputError, UserError

_ROWS = 512


class Pair(Spec):
    """`found` is what the cache would have found for `asked`. `same`: whether one answer is right for both."""

    asked: str = Field(min_length=1)
    found: str = Field(min_length=1)
    similarity: float = 0.0
    same: bool | None = None


def propose(questions: Sequence[str], vectors: NDArray[np.float32], most: int) -> list[Pair]:
    """For each question the most similar one before it, as the cache would find it, the most alike first. A text that came before is
    left out: that is no question of meaning. `vectors`: [questions, size], of length 1."""
    found: list[Pair] = []
    seen: set[str] = set()
    for start in range(0, len(questions), _ROWS):
        near = vectors[start : start + _ROWS] @ vectors[: start + _ROWS].T
        for place, row in enumerate(near, start=start):
            asked = questions[place]
            if asked not in seen and place:
                best = int(row[:place].argmax())
                found.append(Pair(asked=asked, found=questions[best], similarity=float(row[best])))
            seen.add(asked)
    kept = [pair for pair in found if may_share(pair.asked, pair.found)]
    return sorted(kept, key=lambda pair: -pair.similarity)[:most]


def read_questions(file: Path) -> list[str]:
    """One a line, in the order in which they were asked. Raises UserError for fewer than two."""
    questions = [line.strip() for line in _text(file).splitlines() if line.strip()]
    if len(questions) < 2:
        raise UserError(f"{file} has {len(questions)} questions", "one a line, at least two", "export some from your log")
    return questions


def read_pairs(file: Path) -> list[Pair]:
    """Raises InputError for a line that is no pair, UserError for pairs without a label: to leave some out would be to choose."""
    found = []
    for number, line in enumerate(_text(file).splitlines(), start=1):
        try:
            found += [Pair.model_validate_json(line)] if line.strip() else []
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise InputError(f"{file}, line {number}: {reason}", "asked, found and same, as JSON", "mend the line") from error
    if unlabelled := sum(pair.same is None for pair in found):
        raise UserError(
            f"{unlabelled} of {len(found)} pairs have no label", "same true or false on every line", "label all of them"
        )
    return found


def write_pairs(file: Path, pairs: Sequence[Pair]) -> None:
    file.write_text("".join(f"{pair.model_dump_json()}\n" for pair in pairs), encoding="utf-8")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error})", "a text file in UTF-8", "check the path") from error
