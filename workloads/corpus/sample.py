"""A sample of documents to try something on without a full run: spread over files and places in them, the same every time.

In this process and without Ray. Large inputs are looked at in slices, so what is told of a sample holds for its slices.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cluster import storage
from workloads.corpus.files import InputFile
from workloads.corpus.plan import Piece
from workloads.corpus.read import document_id
from workloads.corpus.records import read_records
from workloads.corpus.streams import BLOCK
from workloads.text.normalise import normalise

_BUDGET = 256 << 20  # bytes, or characters of compressed files, that are looked at in all
_LEAST_PER_FILE = 4 << 20
_SLICES = 8  # of a large file
_MOST_FILES = 500


@dataclass(frozen=True, order=True)
class Drawn:
    """One document of the sample; `text` is normalised."""

    id: str
    source: str
    file: str
    text: str


def draw(files: Sequence[InputFile], documents: int, limit: int) -> list[Drawn]:
    """The `documents` with the smallest ids, which are hashes, among those looked at; in order of id. `limit`: bytes of a
    line. Bad records are passed over. Copies of one text in one source have one id and are drawn once."""
    chosen = files[:: -(-len(files) // _MOST_FILES)] if files else []
    per_file = max(_LEAST_PER_FILE, _BUDGET // max(1, len(chosen)))
    found: dict[str, Drawn] = {}
    for file in chosen:
        for identity, source, text in _documents(file, per_file, limit):
            found[identity] = Drawn(identity, source, file.name, text)
            if len(found) > 2 * documents + 1000:
                found = {each: found[each] for each in heapq.nsmallest(documents, found)}
    smallest = heapq.nsmallest(documents, found)
    return [replace(found[identity], text=normalise(found[identity].text)) for identity in smallest]


def _documents(file: InputFile, budget: int, limit: int) -> Iterator[tuple[str, str, str]]:
    """(id, source, text as read) of the documents in the slices of a file."""
    pieces = _slices(file, budget)
    for piece in pieces:
        left = budget // len(pieces)
        for record in read_records(piece, limit):
            if record.problem:
                continue
            source = file.source if file.fixed_source or not record.source else record.source
            yield document_id(source, record.text), source, record.text
            left -= len(record.text)
            if left <= 0:
                break


def _slices(file: InputFile, budget: int) -> list[Piece]:
    """The whole file, or ranges of a large plain jsonl or parquet file at equal distances."""
    if file.size <= budget or file.compression:
        return [Piece(file, 0)]
    if file.format == "parquet":
        groups = _row_groups(file)
        return [Piece(file, 0, group, group + 1) for group in range(0, groups, -(-groups // _SLICES))] or [Piece(file, 0)]
    if file.format != "jsonl":
        return [Piece(file, 0)]
    starts = [_line_start(file, file.size * number // _SLICES) for number in range(_SLICES)]
    return [Piece(file, 0, start, min(start + budget // _SLICES, file.size)) for start in dict.fromkeys(starts) if start >= 0]


def _line_start(file: InputFile, offset: int) -> int:
    """Where the first line after `offset` begins; -1 where none does within a block."""
    if not offset:
        return 0
    place = storage.locate(file.uri)
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        stream.seek(offset)
        return offset + found + 1 if (found := stream.read(BLOCK).find(b"\n")) >= 0 else -1


def _row_groups(file: InputFile) -> int:
    import pyarrow.parquet as pq

    place = storage.locate(file.uri)
    try:
        with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
            return int(pq.read_metadata(stream).num_row_groups)
    except ValueError:  # damaged: a run says so in the quarantine
        return 0
