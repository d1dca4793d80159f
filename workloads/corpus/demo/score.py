"""How well the corpus stage found what was planted: recall and precision by kind, from its decisions and documents.

Knows no rule names: a rule counts for the kinds that it mostly drops.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from workloads.corpus.demo.noise import CLEAN, COPIES, EDITS, KINDS
from workloads.corpus.demo.truth import Place, Truth, read_truth

_COPIES = {copy.kind for copy in COPIES}
_EDITS = {edit.kind for edit in EDITS}
_MASK = "<"  # begins what stands in place of masked data; the clean text has none


@dataclass(frozen=True)
class KindScore:
    """`precision`: of what was dropped, or changed, for such a reason, the share that was planted."""

    planted: int
    found: int
    precision: float

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0


@dataclass(frozen=True)
class DemoScore:
    """`kinds` by name; `clean_dropped` of `clean` sound documents are missing although nothing stands for them."""

    kinds: dict[str, KindScore]
    clean: int
    clean_dropped: int
    gb18030: int
    gb18030_read: int

    @property
    def clean_drop_share(self) -> float:
        return self.clean_dropped / self.clean if self.clean else 0.0


@dataclass(frozen=True)
class _Verdict:
    kept: bool
    rule: str
    id: str
    lines_repaired: int


class _Outcome:
    """What the corpus stage decided, by place."""

    def __init__(self, decisions: pa.Table, documents: pa.Table) -> None:
        names = ("file", "position", "kept", "rule", "id", "lines_repaired")
        columns = (decisions.column(name).to_pylist() for name in names)
        self.verdicts: dict[Place, _Verdict] = {
            (file, position): _Verdict(bool(kept), rule or "", identity, repaired)
            for file, position, kept, rule, identity, repaired in zip(*columns, strict=True)
        }
        self._texts: dict[str, str] = {row["id"]: row["text"] for row in documents.select(["id", "text"]).to_pylist()}

    def kept(self, place: Place) -> bool:
        return place in self.verdicts and self.verdicts[place].kept

    def mended(self, place: Place) -> bool:
        """Whether the record there was kept with lines set right that had been decoded wrongly."""
        return self.kept(place) and self.verdicts[place].lines_repaired > 0

    def text(self, place: Place) -> str | None:
        """The kept text of the record there, if it was kept."""
        return self._texts.get(self.verdicts[place].id) if self.kept(place) else None


def score_demo(truth_file: Path, decisions: pa.Table, documents: pa.Table) -> DemoScore:
    """Compare the corpus artifact's tables with truth.jsonl. Of a document and its copies any one may be the kept one."""
    truths = read_truth(truth_file)
    outcome = _Outcome(decisions, documents)
    groups = _groups(truths)
    by_kind: dict[str, list[Truth]] = defaultdict(list)
    for truth in truths:
        by_kind[truth.kind].append(truth)
    sound = [truth for kind in (CLEAN, *_EDITS) for truth in by_kind[kind]]
    lost = [truth for truth in sound if not any(map(outcome.kept, groups.get(truth.place, [truth.place])))]
    precision = _precision_of_rules(truths, outcome, {truth.place for truth in lost})
    kinds = {kind: _score(kind, by_kind[kind], outcome, groups, precision) for kind in KINDS if kind not in _EDITS}
    kinds |= {kind: _score_edit(kind, by_kind[kind], by_kind[CLEAN], outcome) for kind in _EDITS}
    foreign = [truth for truth in sound if truth.gb18030]
    read = sum(truth.place in outcome.verdicts for truth in foreign)
    return DemoScore({kind: kinds[kind] for kind in KINDS}, len(sound), len(lost), len(foreign), read)


def _groups(truths: Sequence[Truth]) -> dict[Place, list[Place]]:
    """Original and copies, by the place of each."""
    members: dict[Place, list[Place]] = defaultdict(list)
    for truth in truths:
        if truth.original:
            members[truth.original].append(truth.place)
    return {place: [original, *copies] for original, copies in members.items() for place in (original, *copies)}


def _score(
    kind: str, truths: Sequence[Truth], outcome: _Outcome, groups: Mapping[Place, list[Place]], precision: Mapping[str, float]
) -> KindScore:
    if kind in _COPIES:
        found = sum(sum(map(outcome.kept, groups[truth.place])) <= 1 for truth in truths)
    else:
        found = sum(not outcome.kept(truth.place) or outcome.mended(truth.place) for truth in truths)
    return KindScore(len(truths), found, precision.get(kind, 1.0))


def _score_edit(kind: str, truths: Sequence[Truth], clean: Sequence[Truth], outcome: _Outcome) -> KindScore:
    """Found where the document was kept without what was planted; precision falls with clean text that was changed."""
    found = sum((text := outcome.text(truth.place)) is not None and not _holds(text, truth.planted) for truth in truths)
    texts = [(truth, text) for truth in clean if (text := outcome.text(truth.place)) is not None]
    if kind == "personal_data":
        harmed = sum(_MASK in text for _, text in texts)
    else:
        harmed = sum(len(text) < truth.characters and _MASK not in text for truth, text in texts)
    return KindScore(len(truths), found, found / (found + harmed) if found else 1.0)


def _holds(text: str, planted: Sequence[str]) -> bool:
    lines = {line.strip() for line in text.split("\n")}
    return any(part in lines or (part in text and " " not in part) for part in planted)


def _precision_of_rules(truths: Sequence[Truth], outcome: _Outcome, lost: set[Place]) -> dict[str, float]:
    """Per kind: of all that its rules dropped, the share that was not a sound document. A kind's rules are those that
    dropped at least one in ten of it; records set aside as bad, without a decision, count as one rule."""
    dropped: dict[str, list[Truth]] = defaultdict(list)
    for truth in truths:
        if not outcome.kept(truth.place):
            dropped[outcome.verdicts[truth.place].rule if truth.place in outcome.verdicts else ""].append(truth)
    counts = Counter(truth.kind for truth in truths)
    precision: dict[str, float] = {}
    for kind in KINDS:
        rules = [rule for rule, rows in dropped.items() if sum(row.kind == kind for row in rows) >= max(1, counts[kind] // 10)]
        rows = [row for rule in rules for row in dropped[rule]]
        precision[kind] = 1 - sum(row.place in lost for row in rows) / len(rows) if rows else 1.0
    return precision
