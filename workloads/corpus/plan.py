"""Who reads what: large plain files in several ranges that begin at line starts, small files several to a task."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq
import ray

from cluster import storage
from workloads.corpus.files import InputFile
from workloads.corpus.streams import BLOCK

_LEAST_TASK_BYTES = 1 << 20
_GROUPS = 8  # read tasks that small inputs are spread over


@dataclass(frozen=True)
class Piece:
    """A whole file (`stop` 0), a range of bytes of a plain jsonl file, or a range of row groups of a parquet file.
    `index` is the file's number in the corpus; `first` the number, from 1, of the first line or row."""

    file: InputFile
    index: int
    start: int = 0
    stop: int = 0
    first: int = 1

    @property
    def length(self) -> int | None:
        """Bytes of a range of a jsonl file; None for a whole file."""
        return self.stop - self.start if self.stop and self.file.format == "jsonl" else None

    @property
    def bytes(self) -> int:
        return self.file.size if self.length is None else self.length


def plan(files: Sequence[InputFile], split_bytes: int) -> list[list[Piece]]:
    """Tasks, each a list of pieces. Which document is in which task has no influence on the result."""
    pieces = [piece for index, file in enumerate(files) for piece in _split(file, index, split_bytes)]
    target = max(_LEAST_TASK_BYTES, min(split_bytes, sum(piece.bytes for piece in pieces) // _GROUPS))
    tasks: list[list[Piece]] = []
    filled = target
    for piece in pieces:
        if filled >= target:
            tasks.append([])
            filled = 0
        tasks[-1].append(piece)
        filled += piece.bytes
    return tasks


def _split(file: InputFile, index: int, split_bytes: int) -> list[Piece]:
    if file.size > split_bytes and file.format == "jsonl" and not file.compression:
        return _split_lines(file, index, split_bytes)
    if file.size > split_bytes and file.format == "parquet":
        return _split_row_groups(file, index, split_bytes)
    return [Piece(file, index)]


def _split_lines(file: InputFile, index: int, split_bytes: int) -> list[Piece]:
    """Ranges that begin after a newline; a range without a newline (one huge line) joins the one before."""
    starts = range(0, file.size, split_bytes)
    counted = ray.get([_count_lines.remote(file.uri, start, min(start + split_bytes, file.size)) for start in starts])
    begins, newlines = [(0, 1)], 0
    for start, (count, first_newline) in zip(starts, counted, strict=True):
        if start and first_newline >= 0 and first_newline + 1 < file.size:
            begins.append((first_newline + 1, newlines + 2))
        newlines += count
    ends = [begin for begin, _ in begins[1:]] + [file.size]
    return [Piece(file, index, begin, end, first) for (begin, first), end in zip(begins, ends, strict=True)]


@ray.remote
def _count_lines(uri: str, start: int, stop: int) -> tuple[int, int]:
    """Newlines in a range of bytes, and where the first stands (-1: none)."""
    place = storage.locate(uri)
    count, first, at = 0, -1, start
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        stream.seek(start)
        while at < stop and (block := stream.read(min(BLOCK, stop - at))):
            if first < 0 and (found := block.find(b"\n")) >= 0:
                first = at + found
            count += block.count(b"\n")
            at += len(block)
    return count, first


def _split_row_groups(file: InputFile, index: int, split_bytes: int) -> list[Piece]:
    place = storage.locate(file.uri)
    try:
        with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
            metadata = pq.read_metadata(stream)
    except ValueError:  # damaged: the reader says so in the quarantine
        return [Piece(file, index)]
    pieces: list[Piece] = []
    start, first, size, rows = 0, 1, 0, 0
    for group in range(metadata.num_row_groups):
        size += metadata.row_group(group).total_byte_size
        rows += metadata.row_group(group).num_rows
        if size >= split_bytes or group == metadata.num_row_groups - 1:
            pieces.append(Piece(file, index, start, group + 1, first))
            start, first, size, rows = group + 1, first + rows, 0, 0
    return pieces or [Piece(file, index)]
