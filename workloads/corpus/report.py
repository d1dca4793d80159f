"""report.json of a corpus: the waterfall from read to kept, by source, by length, with samples. Not its drawing (page.py)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from cluster.manifest import Json
from workloads.corpus.calibrate import Calibrated
from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.compliance import Audit, ComplianceLine, compliance_lines
from workloads.corpus.decontamination.overlap import Overlap
from workloads.corpus.dedup.cuts import SharedText
from workloads.corpus.pairs import Pair
from workloads.corpus.reasons import REASONS
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tally import KEPT, Sample, Tally
from workloads.text.personal.registry import KIND_NAMES
from workloads.text.rules.language import SCRIPTS


@dataclass(frozen=True)
class Step:
    """One step of the waterfall: what the reason took away (`characters` as read)."""

    reason: str
    documents: int
    characters: int


@dataclass(frozen=True)
class SourceLine:
    """One source: documents read and kept, characters kept, and documents dropped by reason."""

    source: str
    read: int
    kept: int
    characters_kept: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class LengthBin:
    """Documents with at least `characters` (and fewer than the next bin's)."""

    characters: int
    kept: int
    dropped: int


@dataclass(frozen=True)
class BadFile:
    """Bad records of one file and one reason."""

    file: str
    reason: str
    records: int


@dataclass(frozen=True)
class Report:
    """All that report.json holds and report.html shows."""

    name: str
    spec: Mapping[str, Json]
    counts: Mapping[str, int]
    waterfall: tuple[Step, ...]
    sources: tuple[SourceLine, ...]
    lengths: tuple[LengthBin, ...]
    bad_files: tuple[BadFile, ...]
    samples: Mapping[str, tuple[Sample, ...]]
    calibration: tuple[Calibrated, ...]
    overlap: tuple[Overlap, ...]
    compliance: tuple[ComplianceLine, ...]
    audits: Mapping[str, tuple[Audit, ...]]
    base: str = ""  # fingerprint of the corpus that this one extends; the figures are of the new documents
    pairs: tuple[Pair, ...] = ()
    removed: int = 0  # documents taken down since the figures were made

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n").encode()


def build_report(
    name: str,
    spec: CorpusSpec,
    tally: Tally,
    shared: SharedText,
    calibrated: tuple[Calibrated, ...] = (),
    overlap: tuple[Overlap, ...] = (),
    base: str = "",
    pairs: tuple[Pair, ...] = (),
) -> Report:
    """The same bytes for the same input, however the work was spread: nothing here is a time."""
    dropped_characters = {reason: _characters(tally, reason) for reason in REASONS}
    dropped = tally.dropped()
    bad = sorted(tally.bad.items(), key=lambda item: (-item[1], item[0]))
    order = [*REASONS, *sorted(set(tally.samples) - set(REASONS))]
    return Report(
        name=name,
        spec=spec.identity(),
        counts={**_counts(tally), **shared.counts()},
        waterfall=tuple(Step(reason, dropped[reason], dropped_characters[reason]) for reason in REASONS),
        sources=_sources(tally),
        lengths=_lengths(tally),
        bad_files=tuple(BadFile(file, reason, count) for (file, reason), count in bad[:100]),
        samples={reason: tuple(tally.samples[reason]) for reason in order if reason in tally.samples},
        calibration=calibrated,
        overlap=overlap,
        compliance=compliance_lines(tally.findings),
        audits={kind: tuple(tally.findings.audits[kind]) for kind in KIND_NAMES if kind in tally.findings.audits},
        base=base,
        pairs=pairs,
    )


def _characters(tally: Tally, rule: str) -> int:
    return sum(count for (_, each), count in tally.characters.items() if each == rule)


def _counts(tally: Tally) -> dict[str, int]:
    dropped = tally.dropped()
    return {
        "documents_read": tally.read,
        "documents_kept": tally.kept,
        "documents_heldout": tally.cleaning["documents_heldout"],
        "bad_records": sum(tally.bad.values()),
        "characters_read": tally.cleaning["characters_read"],
        "characters_kept": _characters(tally, KEPT),
        **{f"dropped_{reason}": dropped[reason] for reason in REASONS},
        **{f"script_{script}": tally.cleaning[f"script_{script}"] for script in SCRIPTS},
        "documents_normalised": tally.cleaning["normalised"],
        "documents_converted": tally.cleaning["converted"],
        "lines_removed": tally.cleaning["lines_removed"],
        "lines_repaired": tally.cleaning["lines_repaired"],
        **{f"personal_{kind}": tally.findings.kept_items(PERSONAL, kind) for kind in KIND_NAMES},
        "lexicon_hits": tally.findings.kept_items(LEXICON),
    }


def _sources(tally: Tally) -> tuple[SourceLine, ...]:
    names = sorted({source for source, _ in tally.documents})
    lines = [_source(tally, name) for name in names]
    return tuple(sorted(lines, key=lambda line: (-line.read, line.source)))


def _source(tally: Tally, name: str) -> SourceLine:
    counts = {rule: count for (source, rule), count in tally.documents.items() if source == name}
    dropped = {reason: counts[reason] for reason in REASONS if reason in counts}
    return SourceLine(name, sum(counts.values()), counts.get(KEPT, 0), tally.characters[name, KEPT], dropped)


def _lengths(tally: Tally) -> tuple[LengthBin, ...]:
    bins = [each for _, each in tally.lengths]
    return tuple(
        LengthBin(round(2 ** (each / 2)), tally.lengths[True, each], tally.lengths[False, each])
        for each in range(min(bins), max(bins) + 1)
    )
