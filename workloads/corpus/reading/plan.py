"""Who reads what: a large file in several parts where its format allows it, small files several to a task."""

from collections.abc import Sequence

from cluster import storage
from workloads.corpus.reading.archives import member_parts
from workloads.corpus.reading.cutting import cut_lines
from workloads.corpus.reading.format import Block
from workloads.corpus.reading.piece import InputFile, Piece
from workloads.corpus.reading.registry import FORMATS

__all__ = ["Piece", "plan"]

_LEAST_TASK_BYTES = 1 << 20
_GROUPS = 8  # read tasks that small inputs are spread over


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
    whole = Piece(file, index, bytes=file.size)
    if file.size <= split_bytes or file.compression:
        return [whole]
    if file.archive:
        return _by_blocks(whole, member_parts(file), split_bytes)
    form = FORMATS[file.format]
    if form.splittable == "lines" and (file.blank_lines or not form.one_document):
        return cut_lines(file, index, split_bytes)
    if form.splittable == "blocks":
        return _by_blocks(whole, form.blocks(storage.locate(file.uri)), split_bytes)
    return [whole]


def _by_blocks(whole: Piece, blocks: Sequence[Block], split_bytes: int) -> list[Piece]:
    """Neighbouring blocks of at least `split_bytes` together; the whole where there are none."""
    pieces: list[Piece] = []
    start, first, size, rows = 0, 1, 0, 0
    for number, block in enumerate(blocks, 1):
        size += block.bytes
        rows += block.rows
        if size >= split_bytes or number == len(blocks):
            pieces.append(Piece(whole.file, whole.index, start, number, first, size))
            start, first, size, rows = number, first + rows, 0, 0
    return pieces or [whole]
