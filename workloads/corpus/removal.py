"""Taking documents down: a new corpus without them, of which only the parts that held one are written anew.

What is left of a document elsewhere in the corpus goes too: its row of the index, and samples of it or its copies in the
report. Copies that had been dropped in its favour are named; to have one of them back, the raw input must be read again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import InputError
from cluster.manifest import FileEntry, Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.corpus.page import page
from workloads.corpus.parts import may_hold
from workloads.corpus.rebuild import rebuild
from workloads.corpus.report import Report
from workloads.corpus.tables import where
from workloads.corpus.timings import FILES as TIMINGS
from workloads.corpus.write import write_table

REMOVAL_VERSION = 1
TAKEDOWN, REMOVED = "takedown", "removed"
_FILE = "removed.json"


@dataclass(frozen=True)
class Orphan:
    """A copy that was dropped in favour of a document that is now taken down (`matched_id`)."""

    id: str
    source: str
    file: str
    position: int
    rule: str
    value: float
    matched_id: str


@dataclass(frozen=True)
class Removal:
    """The new corpus; which ids it had and has no longer; dropped copies of them; ids that were not there."""

    artifact: Artifact
    removed: tuple[str, ...]
    orphans: tuple[Orphan, ...]
    unknown: tuple[str, ...]


def read_ids(source: str) -> frozenset[str]:
    """Ids from a file with one a line, or written out with commas between. Raises InputError where there is none."""
    place = Path(source)
    text = place.read_text(encoding="utf-8") if place.is_file() else source
    found = frozenset(part for part in text.replace(",", "\n").split() if part)
    if not found or not all(len(each) == 20 and set(each) <= set("0123456789abcdef") for each in found):
        raise InputError(
            f"{source[:100]!r} holds no document ids", "20 hexadecimal digits each, in a file or with commas between", ""
        )
    return found


def remove_documents(corpus: Artifact, identities: frozenset[str], context: StageContext) -> Removal:
    """Raises InputError where the corpus has none of the documents."""
    digest = hashlib.sha256("\n".join(sorted(identities)).encode()).hexdigest()
    work = Work("corpus", {**corpus.manifest.spec, "removed": digest}, {"corpus": corpus.fingerprint}, REMOVAL_VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        return _fill(draft, corpus, identities)

    artifact = run_stage(context, "corpus", "documents", work, build)
    told = json.loads(artifact.read(_FILE))
    orphans = tuple(Orphan(**each) for each in told["orphans"])
    return Removal(artifact, tuple(told["removed"]), orphans, tuple(sorted(identities - set(told["removed"]))))


def _fill(draft: Draft, corpus: Artifact, identities: frozenset[str]) -> Mapping[str, Value]:
    wanted = pa.array(sorted(identities), pa.string())
    gone: dict[str, list[pa.Table]] = {}
    for entry in corpus.entries():
        name = entry.path.partition("/")[0]
        if name in ("documents", "index") and (touched := _holding(corpus, entry, identities, wanted)) is not None:
            table, inside = touched
            gone.setdefault(name, []).append(where(table, inside))
            write_table(draft.location / entry.path, where(table, ~inside))
        elif name in ("documents", "index", "quarantine", "compliance.csv", *TIMINGS):
            draft.link(corpus.location, entry)
    if "documents" not in gone:
        raise InputError(f"{corpus} has none of the {len(identities)} documents", "", "look for their ids in its decisions")
    removed = pa.concat_tables(gone["documents"])
    orphans = _decisions(draft, corpus, removed["id"].combine_chunks())
    _quotations(draft, corpus, identities | {each.id for each in orphans})
    _account(draft, corpus, removed, orphans)
    return {"removed": removed.num_rows, "dropped_copies": len(orphans)}


def _holding(
    corpus: Artifact, entry: FileEntry, identities: frozenset[str], wanted: "pa.Array[Any]"
) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.bool_]]] | None:
    """A part and where it has one of the ids; None where it has none."""
    if not may_hold(corpus, entry, identities):
        return None
    table = pq.read_table(pa.BufferReader(corpus.read(entry.path)))
    inside = pc.is_in(table["id"], wanted).to_numpy()
    return (table, inside) if inside.any() else None


def _decisions(draft: Draft, corpus: Artifact, removed: "pa.Array[Any]") -> list[Orphan]:
    """Write the decisions with the removed documents' own changed; answers the copies dropped in their favour."""
    orphans: list[Orphan] = []
    for entry in corpus.entries("decisions/"):
        table = pq.read_table(pa.BufferReader(corpus.read(entry.path)))
        matched = table.filter(pc.is_in(table["matched_id"], removed))
        orphans += [Orphan(**row) for row in matched.select(list(Orphan.__dataclass_fields__)).to_pylist()]
        inside = pc.and_(pc.is_in(table["id"], removed), table["kept"])
        if not pc.any(inside).as_py() and not matched.num_rows:
            draft.link(corpus.location, entry)
            continue
        beginning = table.schema.get_field_index("beginning")  # of a copy, so of the document too
        texts = pc.if_else(pc.is_in(table["matched_id"], removed), "", table["beginning"])
        table = table.set_column(beginning, table.field(beginning), texts)
        for name, value in (("stage", REMOVED), ("rule", TAKEDOWN), ("kept", False)):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.field(place), pc.if_else(inside, value, table[name]))
        write_table(draft.location / entry.path, table)
    return sorted(orphans, key=lambda each: (each.matched_id, each.id, each.file, each.position))


def _quotations(draft: Draft, corpus: Artifact, identities: frozenset[str]) -> None:
    """The tables that quote documents, without these."""
    ids = pa.array(sorted(identities), pa.string())
    for name in ("lexicon_hits/", "overlap/"):
        for entry in corpus.entries(name):
            table = pq.read_table(pa.BufferReader(corpus.read(entry.path)))
            write_table(draft.location / entry.path, table.filter(pc.invert(pc.is_in(table["id"], ids))))


def _account(draft: Draft, corpus: Artifact, removed: pa.Table, orphans: Sequence[Orphan]) -> None:
    """Counts, the report without what is gone, and the list of it."""
    names = sorted(str(each) for each in removed["id"].to_pylist())
    counts = dict(corpus.manifest.counts)
    counts["documents_kept"] -= removed.num_rows
    counts["documents_heldout"] -= removed["split"].to_pylist().count("heldout")
    counts["characters_kept"] -= int(removed["characters"].to_numpy().sum())
    counts["documents_removed"] = counts.get("documents_removed", 0) + removed.num_rows
    draft.counts.update(counts)
    before = rebuild(Report, json.loads(corpus.read("report.json")))
    samples = {
        reason: tuple(each for each in found if each.key not in names and each.matched_id not in names)
        for reason, found in before.samples.items()
    }
    gone = {*names, *(each.id for each in orphans)}
    audits = {kind: tuple(each for each in found if each.key not in gone) for kind, found in before.audits.items()}
    pairs = tuple(pair for pair in before.pairs if not pair.ids() & gone)
    report = replace(before, samples=samples, audits=audits, pairs=pairs, removed=before.removed + removed.num_rows)
    draft.write("report.json", report.to_json())
    draft.write("report.html", page(report, timed=bool(corpus.entries(TIMINGS[0]))).encode())
    told = {"removed": names, "orphans": [vars(each) for each in orphans]}
    draft.write(_FILE, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())
