"""One piece of input to tables of records: documents with id and normalised text, and bad records with the reason.

A bad record never raises: it becomes a row with a `problem`, its file and its position. No Ray here.
"""

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from workloads.corpus.measures import UNKNOWN, score_of, seconds_of
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import SAMPLE_CHARACTERS
from workloads.corpus.reading.records import Found, Watch, read_records
from workloads.corpus.tables import READ, row_number, to_table
from workloads.text.normalise import normalise_all
from workloads.text.repair import repair

_TABLE_CHARACTERS = 1 << 20
_WITHOUT_TEXT = READ.remove(READ.get_field_index("text"))


def document_id(source: str, text: str) -> str:
    """20 hexadecimal digits (80 bits) of the SHA-256 of source and text as read, so the same in every run."""
    return hashlib.sha256(f"{source}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read_piece(piece: Piece, limits: Limits, watch: Watch = lambda stream: stream) -> Iterator[pa.Table]:
    """The piece's records as tables (columns READ) of about a million characters. `watch`: see `read_records`."""
    records: list[Found] = []
    characters = 0
    for found in read_records(piece, limits, watch):
        records.append(found)
        characters += len(found.record.text)
        if characters >= _TABLE_CHARACTERS:
            yield _table(piece, records)
            records, characters = [], 0
    yield _table(piece, records)


def _table(piece: Piece, records: Sequence[Found]) -> pa.Table:
    repaired = list(map(_repaired, records))
    texts = normalise_all([text for text, _ in repaired]).to_arrow()
    rows = [
        _row(piece, found, lines, clean != found.record.text)
        for found, (_, lines), clean in zip(records, repaired, texts.to_pylist(), strict=True)
    ]
    return to_table(rows, _WITHOUT_TEXT).append_column("text", texts).select(READ.names).cast(READ)


def _repaired(found: Found) -> tuple[str, int]:
    """The text with the lines that were decoded wrongly set right, and how many; of a bad record the sample."""
    record = found.record
    return (record.text[:SAMPLE_CHARACTERS], 0) if record.problem else repair(record.text)


def _row(piece: Piece, found: Found, repaired: int, normalised: bool) -> tuple[object, ...]:
    file, record = found.file, found.record
    number = row_number(piece.index, found.row)
    if record.problem:
        return number, "", "", file.name, record.position, 0, record.problem, 0, False, UNKNOWN, UNKNOWN
    source = file.source if file.fixed_source or not record.source else record.source
    identity, measures = document_id(source, record.text), (seconds_of(record.date), score_of(record.score))
    changes = (repaired, normalised)
    return number, identity, source, file.name, record.position, len(record.text), "", *changes, *measures
