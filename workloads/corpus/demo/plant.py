"""From clean documents to raw records: which documents are copied or edited, and how much junk goes between."""

import random
from collections.abc import Sequence
from dataclasses import replace

from workloads.corpus.demo.clean import Document
from workloads.corpus.demo.noise import COPIES, EDITS, JUNK, Record


def spare_documents(count: int) -> int:
    """How many documents beside `count` clean ones are needed to be spoilt as junk."""
    return sum(_planted(noise.share, count) for noise in JUNK)


def plant(documents: Sequence[Document], spares: Sequence[Document], rng: random.Random) -> list[Record]:
    """All records: the clean documents first, in their order (some edited), then copies and junk.

    No document is touched twice, so that every planted record has one truth.
    """
    records = [Record(document.text, document.source, good=len(document.text)) for document in documents]
    untouched = rng.sample(range(len(documents)), len(documents))
    for edit in (kind() for kind in EDITS):
        for number in _take(untouched, edit.share, len(documents)):
            text, planted = edit.edit(documents[number].text, rng)
            records[number] = replace(records[number], text=text, kind=edit.kind, planted=planted)
    for copy in (kind() for kind in COPIES):
        for number in _take(untouched, copy.share, len(documents)):
            document = documents[number]
            records.append(Record(copy.copy(document.text, rng), document.source, copy.kind, number))
    spare_texts = iter(spares)
    for junk in (kind() for kind in JUNK):
        for _ in range(_planted(junk.share, len(documents))):
            records.append(junk.make(next(spare_texts).text, rng))
    return records


def _planted(share: float, count: int) -> int:
    return max(1, round(share * count))


def _take(untouched: list[int], share: float, count: int) -> list[int]:
    number = _planted(share, count)
    taken = untouched[:number]
    del untouched[:number]
    return taken
