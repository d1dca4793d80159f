"""Doing the corpus stage's work, step by step, in a Ray session:

read -> recurring lines -> calibrate -> clean -> exact and near duplicates -> fates -> documents, decisions, report
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import InputError
from cluster.observe.metrics import CORPUS_DROPPED, CORPUS_KEPT
from cluster.observe.progress import Value
from cluster.stage import StageContext
from workloads.corpus.blocks import Blocks
from workloads.corpus.calibrate import Calibrated, by_source, calibrate
from workloads.corpus.clean import Cleaning
from workloads.corpus.compliance import to_csv
from workloads.corpus.decontamination.hits import open_decontaminator
from workloads.corpus.decontamination.items import SetFile
from workloads.corpus.decontamination.overlap import find_overlap, write_overlap
from workloads.corpus.dedup.fates import heldout_below, lots_below, survey
from workloads.corpus.dedup.find import find_duplicates
from workloads.corpus.dedup.index import Base
from workloads.corpus.dedup.shared import find_shared
from workloads.corpus.extend import added_up, take_over
from workloads.corpus.flow import clean_blocks, read_blocks, read_clean_blocks
from workloads.corpus.page import page
from workloads.corpus.pairs import duplicate_pairs
from workloads.corpus.progress import Progress
from workloads.corpus.reading.files import Found
from workloads.corpus.reading.plan import plan
from workloads.corpus.recurring import find_recurring
from workloads.corpus.report import build_report
from workloads.corpus.semantic.encoders import EncoderFolder
from workloads.corpus.semantic.find import find_semantic
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tally import Tally
from workloads.corpus.write import Wanted, write_all
from workloads.text.learned import Models
from workloads.text.lexicon import Lexicon


def fill(
    draft: Draft,
    spec: CorpusSpec,
    found: Found,
    sets: tuple[SetFile, ...],
    lexicon: Lexicon | None,
    models: Models,
    context: StageContext,
    progress: Progress,
    base: Artifact | None = None,
    encoder: EncoderFolder | None = None,
) -> Mapping[str, Value]:
    """Fill the draft of a corpus from the files found, without what stands in the evaluation sets, and from the corpus that it
    extends; answers facts to show."""
    if found.ignored:
        progress.note("files_passed_over", files=len(found.ignored), first=found.ignored[0])
    decontaminator = open_decontaminator(sets, spec.decontamination)
    cleaning = Cleaning(spec, lexicon=lexicon, decontaminator=decontaminator, models=models)
    blocks, calibrated = _read_and_clean(found, cleaning, progress)
    if decontaminator:
        progress.at("counting overlap")
    overlap = find_overlap(blocks.tables, decontaminator) if decontaminator else None
    progress.at("deduplicating")
    extended = Base.of(base, spec.duplicates) if base else None
    fates = find_duplicates(blocks, spec.duplicates, progress.records, extended)
    if encoder:
        progress.at("comparing meanings")
    fates = find_semantic(blocks, fates, spec.duplicates, progress.records, encoder)
    if spec.duplicates.paragraph_characters or spec.duplicates.passages != "off":
        progress.at("finding shared text")
    blocks, shared, passages = find_shared(blocks, fates, spec.duplicates, progress.records, int(spec.rules.length or 0))
    pairs = (*duplicate_pairs(blocks, fates), *passages)
    kept = survey(blocks.heads, fates)
    progress.at("writing")
    heldout = lots_below(spec.heldout_share) if base else heldout_below(spec.heldout_share, kept)
    there = take_over(draft, base)
    wanted = Wanted(kept, heldout, spec.personal_data.audit_samples, hits=lexicon is not None)
    tally = write_all(blocks.tables, fates, wanted, draft.location, there)
    _count(context.name, tally)
    _refuse_nothing(tally, found, base is None)
    if overlap:
        write_overlap(overlap, draft.location, there)
    lines = overlap.lines if overlap else ()
    report = build_report(context.name, spec, tally, shared, calibrated, lines, base.fingerprint if base else "", pairs)
    draft.write("report.json", report.to_json())
    draft.write("compliance.csv", to_csv(report.compliance).encode())
    draft.write("report.html", page(report).encode())
    draft.counts.update(added_up(report.counts, base))
    progress.done(report.counts["documents_read"])
    return {"kept": report.counts["documents_kept"], "of": report.counts["documents_read"]}


def _read_and_clean(found: Found, cleaning: Cleaning, progress: Progress) -> tuple[Blocks, tuple[Calibrated, ...]]:
    """In one pass, unless something must have seen all text before any is cleaned; and the thresholds taken from the text."""
    spec = cleaning.spec
    tasks, limits = plan(found.files, spec.split_bytes), spec.reading.limits()
    progress.at("reading")
    if not spec.remove_boilerplate and not spec.calibrate.rules.given():
        return read_clean_blocks(tasks, limits, cleaning, progress.read), ()
    blocks = read_blocks(tasks, limits, progress.read)
    if spec.remove_boilerplate:
        progress.at("counting lines")
        cleaning = replace(cleaning, recurring=find_recurring(blocks, spec.recurring_share, spec.recurring_documents))
    if spec.calibrate.rules.given():
        progress.at("calibrating")
    calibrated = calibrate(blocks, spec, cleaning.recurring, cleaning.models)
    progress.at("cleaning")
    return clean_blocks(blocks, replace(cleaning, own=by_source(calibrated)), progress.cleaned), calibrated


def _count(run: str, tally: Tally) -> None:
    CORPUS_KEPT.record(tally.kept, run=run)
    for rule, count in tally.dropped().items():
        CORPUS_DROPPED.record(count, run=run, rule=rule)


def _refuse_nothing(tally: Tally, found: Found, must_keep: bool) -> None:
    """Raises InputError where no document was read, or none is left."""
    first = found.files[0].name
    if not tally.read:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in tally.bad_reasons().most_common(3))
        sample = min(chain.from_iterable(tally.samples.values()), default=None)
        detail = f", such as {sample.file} at {sample.position}: {sample.text[:80]}" if sample else ""
        raise InputError(
            f"no document could be read from {len(found.files)} file(s), the first {first} ({reasons}{detail})",
            "records with a text field, or text files",
            "check `text_field` and `format` of `corpus.inputs`",
        )
    if not tally.kept and must_keep:
        reasons = ", ".join(f"{count} by {rule}" for rule, count in tally.dropped().most_common(3))
        raise InputError(
            f"none of {tally.read} documents is left ({reasons})",
            "at least one document",
            "loosen the thresholds in `corpus.rules`",
        )
