"""What the checks found, counted per source and kind or category, and the compliance sheet made of it. Same for any order."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Any

from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.text.rules import RULE_NAMES

EVERYWHERE = "(all)"
Key = tuple[str, str, str]  # check, source, kind or category


@dataclass(frozen=True, order=True)
class Audit:
    """One item of personal data, its middle starred out, in its surroundings."""

    key: str
    file: str
    position: int
    source: str
    shown: str


@dataclass(frozen=True)
class ComplianceLine:
    """One line of the sheet: of `checked` documents of a source, `documents` have `hits` of a kind or category;
    `kept` of those documents, with `kept_hits`, are in the corpus (masked, where the mode is mask)."""

    check: str
    source: str
    category: str
    checked: int
    documents: int
    share: float
    hits: int
    kept: int
    kept_hits: int


@dataclass
class Findings:
    """Counts over documents that no rule dropped; `audits` has the first `most` items of each kind by id."""

    most: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    documents: Counter[Key] = field(default_factory=Counter)
    hits: Counter[Key] = field(default_factory=Counter)
    kept: Counter[Key] = field(default_factory=Counter)
    kept_hits: Counter[Key] = field(default_factory=Counter)
    audits: dict[str, list[Audit]] = field(default_factory=dict)

    def count(self, row: Mapping[str, Any]) -> None:
        """Add one decided document (a row of CLEAN with `kept`)."""
        if row["rule"] in RULE_NAMES:
            return
        self.checked[row["source"]] += 1
        for check, column in ((PERSONAL, "personal"), (LEXICON, "lexicon")):
            for category, hits in row[column]:
                key = (check, row["source"], category)
                self.documents[key] += 1
                self.hits[key] += hits
                self.kept[key] += bool(row["kept"])
                self.kept_hits[key] += hits if row["kept"] else 0
        for each in row["audit"]:
            found = self.audits.setdefault(each["kind"], [])
            found.append(Audit(row["id"], row["file"], row["position"], row["source"], each["shown"]))
            found.sort()
            del found[self.most :]

    def add(self, other: "Findings") -> None:
        for name in ("checked", "documents", "hits", "kept", "kept_hits"):
            getattr(self, name).update(getattr(other, name))
        for kind, found in other.audits.items():
            self.audits[kind] = sorted([*self.audits.get(kind, []), *found])[: self.most]

    def kept_items(self, check: str, category: str | None = None) -> int:
        """Items in documents that are kept."""
        return sum(count for (each, _, name), count in self.kept_hits.items() if each == check and category in (None, name))


def compliance_lines(findings: Findings) -> tuple[ComplianceLine, ...]:
    """First over all sources, then by source; within them by check and category."""
    whole = Findings()
    whole.checked[EVERYWHERE] = sum(findings.checked.values())
    for name in ("documents", "hits", "kept", "kept_hits"):
        for (check, _, category), count in getattr(findings, name).items():
            getattr(whole, name)[check, EVERYWHERE, category] += count
    return (*_lines(whole), *_lines(findings))


def _lines(findings: Findings) -> list[ComplianceLine]:
    lines = []
    for check, source, category in sorted(findings.documents, key=lambda key: (key[1], key[0], key[2])):
        key, checked = (check, source, category), findings.checked[source]
        documents = findings.documents[key]
        counts = (findings.hits[key], findings.kept[key], findings.kept_hits[key])
        lines.append(ComplianceLine(check, source, category, checked, documents, round(documents / checked, 6), *counts))
    return lines


def to_csv(lines: Sequence[ComplianceLine]) -> str:
    """The sheet as CSV with a head line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([each.name for each in fields(ComplianceLine)])
    writer.writerows(astuple(line) for line in lines)
    return out.getvalue()
