"""A sample of documents to try something on without a full run: spread over files and places in them, the same every time.

In this process and without Ray. Large inputs are looked at in slices, so what is told of a sample holds for its slices.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cluster import storage
from workloads.corpus.reading.piece import InputFile, Limits, Piece
from workloads.corpus.reading.read import document_id
from workloads.corpus.reading.records import read_records
from workloads.corpus.reading.registry import FORMATS
from workloads.text.normalise import normalise
from workloads.text.repair import repair

_BUDGET = 256 << 20  # bytes, or characters of compressed files, that are looked at in all
_LEAST_PER_FILE = 4 << 20
_SLICES = 8  # of a large file
_MOST_FILES = 500
_LONGEST_LINE = 4 << 20  # bytes; where no line ends within, a slice is left out


@dataclass(frozen=True, order=True)
class Drawn:
    """One document of the sample; `text` is normalised."""

    id: str
    source: str
    file: str
    text: str


def draw(files: Sequence[InputFile], documents: int, limits: Limits) -> list[Drawn]:
    """The `documents` with the smallest ids, which are hashes, among those looked at; in order of id. Bad records are passed over. Copies of one text in one source have one id and are drawn once."""
    chosen = files[:: -(-len(files) // _MOST_FILES)] if files else []
    per_file = max(_LEAST_PER_FILE, _BUDGET // max(1, len(chosen)))
    found: dict[str, Drawn] = {}
    for file in chosen:
        for identity, source, text in _documents(file, per_file, limits):
            found[identity] = Drawn(identity, source, file.name, text)
            if len(found) > 2 * documents + 1000:
                found = {each: found[each] for each in heapq.nsmallest(documents, found)}
    smallest = heapq.nsmallest(documents, found)
    return [replace(found[identity], text=normalise(repair(found[identity].text)[0])) for identity in smallest]


def _documents(file: InputFile, budget: int, limits: Limits) -> Iterator[tuple[str, str, str]]:
    """(id, source, text as read) of the documents in the slices of a file."""
    pieces = _slices(file, budget)
    for piece in pieces:
        left = budget // len(pieces)
        for found in read_records(piece, limits):
            record = found.record
            if record.problem:
                continue
            source = found.file.source if file.fixed_source or not record.source else record.source
            yield document_id(source, record.text), source, record.text
            left -= len(record.text)
            if left <= 0:
                break


def _slices(file: InputFile, budget: int) -> list[Piece]:
    """The whole file, or parts at equal distances of a large file that can be read in parts."""
    form, whole = FORMATS.get(file.format), Piece(file, 0)
    if form is None or file.size <= budget or file.compression or file.archive:
        return [whole]
    if form.splittable == "blocks":
        count = len(form.blocks(storage.locate(file.uri)))
        return [Piece(file, 0, number, number + 1) for number in range(0, count, max(1, count // _SLICES))] or [whole]
    if form.splittable != "lines" or form.one_document:
        return [whole]
    starts = [_line_start(file, file.size * number // _SLICES) for number in range(_SLICES)]
    return [Piece(file, 0, start, min(start + budget // _SLICES, file.size)) for start in dict.fromkeys(starts) if start >= 0]


def _line_start(file: InputFile, offset: int) -> int:
    """Where the first line after `offset` begins; -1 where none does soon."""
    if not offset:
        return 0
    place = storage.locate(file.uri)
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        stream.seek(offset)
        return offset + found + 1 if (found := stream.read(_LONGEST_LINE).find(b"\n")) >= 0 else -1
