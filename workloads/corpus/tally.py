"""Counts over blocks for the manifest and the report, joined from block to block. The same for any order of blocks."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from workloads.corpus.compliance import Findings
from workloads.text.personal.mask import shown

SAMPLES = 6  # per reason
_SAMPLE_CHARACTERS = 240
KEPT = "kept"


@dataclass(frozen=True, order=True)
class Sample:
    """A document or bad record to look at: what was measured, the text's beginning, and what it was matched with."""

    key: str
    file: str
    position: int
    source: str
    value: float
    text: str
    matched_id: str = ""


@dataclass
class Tally:
    """Counters: `documents` and `characters` by (source, rule), with rule `kept` for what stays; `lengths` by (kept, bin)."""

    documents: Counter[tuple[str, str]] = field(default_factory=Counter)
    characters: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: Counter[tuple[bool, int]] = field(default_factory=Counter)
    cleaning: Counter[str] = field(default_factory=Counter)
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (file, reason)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def read(self) -> int:
        """Documents, good or not; bad records are no documents."""
        return sum(self.documents.values())

    @property
    def kept(self) -> int:
        return sum(count for (_, rule), count in self.documents.items() if rule == KEPT)

    def dropped(self) -> Counter[str]:
        """Documents by the rule that dropped them."""
        return _by_second({key: count for key, count in self.documents.items() if key[1] != KEPT})

    def bad_reasons(self) -> Counter[str]:
        return _by_second(self.bad)

    def add(self, other: "Tally") -> None:
        for mine, theirs in (
            (self.documents, other.documents),
            (self.characters, other.characters),
            (self.lengths, other.lengths),
            (self.cleaning, other.cleaning),
            (self.bad, other.bad),
        ):
            mine.update(theirs)  # type: ignore[arg-type]
        self.findings.add(other.findings)
        for reason, found in other.samples.items():
            self.samples[reason] = sorted(chain(self.samples.get(reason, []), found))[:SAMPLES]


def _by_second(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    joined: Counter[str] = Counter()
    for (_, second), count in counts.items():
        joined[second] += count
    return joined


def length_bin(characters: int) -> int:
    """Bins of half powers of two: bin b holds lengths from 2^(b/2)."""
    return math.floor(2 * math.log2(characters)) if characters > 0 else 0


def tally_block(decided: pa.Table, bad: pa.Table, heldout: int, audits: int = 0) -> Tally:
    """Everything that the report tells of one block: of its decided documents and its bad records. `audits` items of each kind
    of personal data are taken as samples."""
    tally = Tally(findings=Findings(audits))
    kept = decided["kept"].to_numpy()
    shown_only = pc.if_else(pa.array(kept), "", decided["text"])  # the text of what is kept is not told
    place = decided.schema.get_field_index("text")
    rows = decided.set_column(place, decided.field(place), shown_only).drop_columns(["bands", "digest", "hits"])
    for row in rows.to_pylist():
        _count(tally, row, heldout)
        tally.findings.count(row)
    for row in bad.select(["file", "position", "problem", "text"]).to_pylist():
        tally.bad[row["file"], row["problem"]] += 1
        sample = Sample(row["file"], row["file"], row["position"], "", 0.0, shown(row["text"], _SAMPLE_CHARACTERS))
        tally.samples.setdefault(f"bad: {row['problem']}", []).append(sample)
    for found in tally.samples.values():
        found.sort()
        del found[SAMPLES:]
    return tally


def _count(tally: Tally, row: dict[str, object], heldout: int) -> None:
    rule = KEPT if row["kept"] else str(row["rule"])
    key, length = (str(row["source"]), rule), int(str(row["characters"]))
    tally.documents[key] += 1
    tally.characters[key] += length if row["kept"] else int(str(row["characters_read"]))
    tally.lengths[bool(row["kept"]), length_bin(length)] += 1
    tally.cleaning["characters_read"] += int(str(row["characters_read"]))
    if row["kept"]:
        tally.cleaning["documents_heldout"] += int(str(row["lot"])) < heldout
        for name in ("lines_removed", "lines_repaired"):
            tally.cleaning[name] += int(str(row[name]))
        for name in ("normalised", "converted"):
            tally.cleaning[name] += bool(row[name])
        tally.cleaning[f"script_{row['script']}"] += 1
        return
    found = tally.samples.setdefault(rule, [])
    if len(found) < SAMPLES or str(row["id"]) < found[-1].key:
        text = shown(str(row["text"]), _SAMPLE_CHARACTERS)
        position, value = int(str(row["position"])), float(str(row["value"]))
        sample = Sample(str(row["id"]), str(row["file"]), position, str(row["source"]), value, text, str(row["matched_id"]))
        found.append(sample)
        found.sort()
        del found[SAMPLES:]
