"""The formats: jsonl, txt and parquet to records with a position. What is bad becomes a record with a problem."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import storage
from cluster.storage import Location
from workloads.corpus import encoding
from workloads.corpus.plan import Piece
from workloads.corpus.streams import CutShort, Readable, open_stream, read_lines

SAMPLE_CHARACTERS = 200
_ROWS_AT_ONCE = 512  # of a parquet file


@dataclass(frozen=True)
class Record:
    """What a reader found at a position: a text (and the record's own source), or a problem with a sample."""

    position: int
    text: str
    source: str = ""
    problem: str = ""
    date: object = None
    score: object = None


def read_records(piece: Piece, limit: int) -> Iterator[Record]:
    """Every record of the piece in order; `limit`: bytes of a line or txt document."""
    place = storage.locate(piece.file.uri)
    if piece.file.format == "parquet":
        yield from _parquet(place, piece)
        return
    try:
        charset = encoding.detect(_head(place, piece))
    except CutShort as cut:
        yield Record(1, str(cut), problem="compressed data damaged")
        return
    if piece.file.format == "jsonl":
        yield from _jsonl(place, piece, charset, limit)
    elif piece.file.blank_lines:
        yield from _txt_by_blank_lines(place, piece, charset, limit)
    else:
        yield from _txt(place, piece, charset, limit)


def _head(place: Location, piece: Piece) -> bytes:
    """The file's first bytes, as far as they can be read."""
    with open_stream(place, piece.file.compression) as stream:
        blocks: list[bytes] = []
        try:
            while sum(map(len, blocks)) < encoding.SAMPLE and (block := stream.read(encoding.SAMPLE)):
                blocks.append(block)
        except CutShort:
            if not blocks:
                raise
    return b"".join(blocks)


def _lines(stream: Readable, piece: Piece, limit: int) -> Iterator[tuple[int, bytes, str]]:
    """(number, line, problem) of each line that is not blank. A problem: too long, or where compressed data breaks off."""
    number = piece.first - 1
    try:
        for number, line in enumerate(read_lines(stream, limit, piece.length), piece.first):
            if line is None:
                yield number, b"", "line too long"
            elif line and not line.isspace():
                yield number, encoding.strip_mark(line) if number == 1 else line, ""
    except CutShort as cut:
        yield number + 1, cut.rest or str(cut).encode(), "compressed data damaged"


def _jsonl(place: Location, piece: Piece, charset: str, limit: int) -> Iterator[Record]:
    with open_stream(place, piece.file.compression, piece.start) as stream:
        for number, line, problem in _lines(stream, piece, limit):
            yield Record(number, _readable(line), problem=problem) if problem else _json_record(number, line, piece, charset)


def _json_record(number: int, line: bytes, piece: Piece, charset: str) -> Record:
    try:
        value = json.loads(line.decode(charset))
    except UnicodeDecodeError:
        return Record(number, _readable(line), problem="invalid bytes")
    except (ValueError, RecursionError):
        return Record(number, _readable(line), problem="not JSON")
    if not isinstance(value, dict) or piece.file.text_field not in value:
        return Record(number, _readable(line), problem="no text field")
    text, source = value[piece.file.text_field], value.get(piece.file.source_field)
    if not isinstance(text, str):
        return Record(number, _readable(line), problem="text is no string")
    date, score = value.get(piece.file.date_field), value.get(piece.file.score_field)
    return Record(number, text, source if isinstance(source, str) else "", date=date, score=score)


def _txt(place: Location, piece: Piece, charset: str, limit: int) -> Iterator[Record]:
    """The whole file as one document, position 1."""
    with open_stream(place, piece.file.compression) as stream:
        try:
            data = _read_up_to(stream, limit + 1)
        except CutShort as cut:
            yield Record(1, str(cut), problem="compressed data damaged")
            return
    if len(data) > limit:
        yield Record(1, _readable(data[:SAMPLE_CHARACTERS]), problem="line too long")
    elif data:
        yield _text_record(1, encoding.strip_mark(data), charset)


def _read_up_to(stream: Readable, size: int) -> bytes:
    blocks: list[bytes] = []
    while size > 0 and (block := stream.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def _txt_by_blank_lines(place: Location, piece: Piece, charset: str, limit: int) -> Iterator[Record]:
    """Documents between blank lines; the position of each is its number from 1."""
    number, size = 1, 0
    held: list[bytes] = []
    with open_stream(place, piece.file.compression) as stream:
        try:
            for line in chain(read_lines(stream, limit), [b""]):
                blank = line is not None and not line.strip()
                if not blank:
                    size += limit + 1 if line is None else len(line) + 1
                    held.append(line or b"")
                    held = held if size <= limit else []
                elif size:
                    data = encoding.strip_mark(b"\n".join(held))
                    yield Record(number, "", problem="line too long") if size > limit else _text_record(number, data, charset)
                    number, size, held = number + 1, 0, []
        except CutShort as cut:
            yield Record(number, _readable(b"\n".join([*held, cut.rest])) or str(cut), problem="compressed data damaged")


def _text_record(number: int, data: bytes, charset: str) -> Record:
    try:
        return Record(number, data.decode(charset))
    except UnicodeDecodeError:
        return Record(number, _readable(data), problem="invalid bytes")


def _readable(data: bytes) -> str:
    """The beginning of bad data as a person can look at it."""
    return data[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "backslashreplace")[:SAMPLE_CHARACTERS]


def _parquet(place: Location, piece: Piece) -> Iterator[Record]:
    """One record per row, position from 1; a damaged file gives one problem where reading ended."""
    number = piece.first - 1
    field, others = piece.file.text_field, (piece.file.source_field, piece.file.date_field, piece.file.score_field)
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        if not piece.file.size:
            return
        try:
            file = pq.ParquetFile(stream)
            problem = _unusable(file.schema_arrow, field)
            if problem:
                yield Record(0, f"{piece.file.name}: {problem}", problem="no text column")
                return
            groups = list(range(piece.start, piece.stop)) if piece.stop else None
            for batch in file.iter_batches(
                _ROWS_AT_ONCE, groups, [c for c in (field, *others) if c in file.schema_arrow.names]
            ):
                texts = batch.column(field).cast(pa.large_string()).to_pylist()
                for text, source, date, score in zip(texts, *(_values(batch, each) for each in others), strict=True):
                    number += 1
                    problem = "text is no string" if text is None else ""
                    yield Record(number, text or "", source if isinstance(source, str) else "", problem, date, score)
        except (pa.ArrowInvalid, OSError) as error:
            yield Record(number + 1, str(error), problem="unreadable parquet")


def _unusable(schema: pa.Schema, field: str) -> str:
    if field not in schema.names:
        return f"no column {field!r} among {', '.join(schema.names[:20])}"
    kind = schema.field(field).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else f"column {field!r} is {kind}, not text"


def _values(batch: pa.RecordBatch, column: str) -> list[object]:
    return batch.column(column).to_pylist() if column in batch.schema.names else [None] * batch.num_rows
