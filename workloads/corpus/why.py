"""Why a document is in the corpus, or not: answered from the artifact alone, by id or by file and position. No Ray."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from cluster.artifacts import Artifact
from cluster.errors import ArtifactError, InputError
from workloads.corpus.checks import PERSONAL
from workloads.corpus.dedup.fates import EXACT, NEAR, SEMANTIC
from workloads.corpus.parts import may_hold
from workloads.corpus.reasons import explain
from workloads.corpus.spec import CorpusSpec
from workloads.text.personal.mask import shown

_ID = re.compile(r"[0-9a-f]{20}")
_PLACE = re.compile(r"(?P<file>.+):(?P<position>[0-9]+)")
_BEGINNING = 80


@dataclass(frozen=True)
class Other:
    """The document that stays in the place of another."""

    id: str
    file: str
    position: int
    beginning: str


@dataclass(frozen=True)
class Answer:
    """What became of one record. `stage` names where it ended: `kept`, `quarantine`, or the stage that dropped it;
    `threshold` is None for a rule without one; `personal` and `lexicon` count what was found in it;
    `personal_mode` is what the recipe wanted done with the former (mask, drop, tag, off)."""

    id: str
    source: str
    file: str
    position: int
    stage: str
    rule: str = ""
    value: float = 0.0
    threshold: float | None = None
    meaning: str = ""
    split: str = ""
    lines_removed: int = 0
    personal: tuple[tuple[str, int], ...] = ()
    personal_mode: str = ""
    lexicon: tuple[tuple[str, int], ...] = ()
    beginning: str = ""
    matched: Other | None = None


def answer(artifact: Artifact, asked: Sequence[str]) -> list[Answer]:
    """One answer per record that is meant; an id has several where the same text was read more than once.

    Raises InputError for what is neither an id nor FILE:POSITION of this corpus.
    """
    reader = _Reader(artifact)
    return [each for question in asked for each in _answer(reader, question)]


def _answer(reader: "_Reader", question: str) -> list[Answer]:
    if _ID.fullmatch(question):
        rows = reader.rows("decisions", question)
    elif place := _PLACE.fullmatch(question):
        where = (pc.field("file") == place["file"]) & (pc.field("position") == int(place["position"]))
        rows = reader.scan("decisions", where)
        if not rows and (bad := reader.scan("quarantine", where)):
            return [_quarantined(row) for row in bad]
    else:
        rows = []
    if not rows:
        raise InputError(
            f"no document {question!r} in {reader.artifact}",
            "an id of 20 hexadecimal digits, or FILE:POSITION as decisions/ has them",
            "look it up in decisions/ or quarantine/ of the artifact",
        )
    return [_explained(reader, row) for row in rows]


def _quarantined(row: Mapping[str, Any]) -> Answer:
    meaning, sample = "a record that cannot be read as a document", shown(row["sample"], _BEGINNING)
    return Answer("", "", row["file"], row["position"], "quarantine", row["reason"], meaning=meaning, beginning=sample)


def _explained(reader: "_Reader", row: Mapping[str, Any]) -> Answer:
    document = next(iter(reader.rows("documents", row["id"])), None) if row["kept"] else None
    return Answer(
        id=row["id"],
        source=row["source"],
        file=row["file"],
        position=row["position"],
        stage=row["stage"],
        rule=row["rule"],
        value=row["value"],
        threshold=_threshold(row, reader.spec),
        meaning=explain(row["rule"], reader.artifact.manifest.spec),
        split=document["split"] if document else "",
        lines_removed=row["lines_removed"],
        personal=tuple(row["personal"]),
        personal_mode=reader.spec.personal_data.mode,
        lexicon=tuple(row["lexicon"]),
        beginning=shown(document["text"], _BEGINNING) if document else row["beginning"],
        matched=_matched(reader, row["matched_id"]) if row["matched_id"] else None,
    )


def _threshold(row: Mapping[str, Any], spec: CorpusSpec) -> float | None:
    """What the value was held against; None where there is no such number."""
    if row["kept"] or row["rule"] in (EXACT, PERSONAL):
        return None
    if row["rule"] == SEMANTIC and spec.duplicates.semantic:
        return spec.duplicates.semantic.threshold
    return spec.duplicates.threshold if row["rule"] == NEAR else float(row["threshold"])


def _matched(reader: "_Reader", identity: str) -> Other | None:
    found = reader.rows("decisions", identity)
    row = next((each for each in found if each["kept"]), None)
    if row is None and (further := next((each["matched_id"] for each in found if each["rule"] == SEMANTIC), "")):
        return _matched(reader, further)  # it stayed in place of copies, until another was found to say the same
    document = next(iter(reader.rows("documents", identity)), None)
    if row is None or document is None:
        return None
    return Other(identity, row["file"], row["position"], shown(document["text"], _BEGINNING))


class _Reader:
    """Rows of a corpus artifact's tables."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        try:
            self.spec = CorpusSpec.model_validate(dict(artifact.manifest.spec))
        except ValidationError as error:
            raise ArtifactError(f"{artifact} was built by another version", "", "run the corpus stage again") from error
        self._parts: dict[str, pa.Table] = {}

    def rows(self, folder: str, identity: str) -> list[dict[str, Any]]:
        """All rows with this id."""
        entries = [entry for entry in self.artifact.entries(f"{folder}/") if may_hold(self.artifact, entry, (identity,))]
        return [row for each in entries for row in self._table(each.path).filter(pc.field("id") == identity).to_pylist()]

    def scan(self, folder: str, where: pc.Expression) -> list[dict[str, Any]]:
        """All rows of a folder for which this holds."""
        names = [entry.path for entry in self.artifact.entries(f"{folder}/")]
        parts = [pq.read_table(pa.BufferReader(self.artifact.read(name)), filters=where) for name in names]
        return [row for part in parts for row in part.to_pylist()]

    def _table(self, name: str) -> pa.Table:
        if name not in self._parts:
            self._parts[name] = pq.read_table(pa.BufferReader(self.artifact.read(name)))
        return self._parts[name]
