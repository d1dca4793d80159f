"""The passes over the text as it was read, by plain Ray tasks: read everything, then clean everything; or both at once.

Between them stand what needs to have seen all of it: the count of recurring lines, and thresholds taken from the corpus. Blocks
stay in Ray's object store, which spills to disk; a block whose worker died is made again from the input. A block as read is let
go as soon as its cleaned form is there, and there is none where nothing stands between.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import ray

from cluster.memory import give_back
from workloads.corpus.blocks import Blocks, heads_of
from workloads.corpus.clean import Cleaning, clean_table
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.read import read_piece
from workloads.corpus.shuffle import plain

_LEAST_BLOCK, _USUAL_BLOCK, _LARGEST_BLOCK = 2 << 20, 16 << 20, 64 << 20
_FEWEST_BLOCKS, _MANY_BLOCKS = 32, 128
Told = Callable[[int], None]


def block_bytes(total: int) -> int:
    """Of a block as read, where all input has `total` bytes: what a task holds does not grow with it up to 2 GB; beyond, blocks
    do, since the objects exchanged grow with the square of their number (limits.py)."""
    return max(_LEAST_BLOCK, min(_USUAL_BLOCK, total // _FEWEST_BLOCKS), min(_LARGEST_BLOCK, total // _MANY_BLOCKS))


def read_blocks(tasks: Sequence[Sequence[Piece]], limits: Limits, told: Told) -> list[Any]:
    """References to tables with columns READ; `told` hears the number of records so far."""
    size = _block_bytes_of(tasks)
    return [block for (block,) in _gather([_read.remote(task, limits, size) for task in tasks], 1, told)]


def read_clean_blocks(tasks: Sequence[Sequence[Piece]], limits: Limits, cleaning: Cleaning, told: Told) -> Blocks:
    """What `read_blocks` and `clean_blocks` together give, in one pass."""
    size, shared = _block_bytes_of(tasks), ray.put(cleaning)
    found = _gather([_read_clean.remote(task, limits, size, shared) for task in tasks], 2, told)
    return Blocks([block for block, _ in found], [heads for _, heads in found])


def _block_bytes_of(tasks: Sequence[Sequence[Piece]]) -> int:
    return block_bytes(sum(piece.bytes for task in tasks for piece in task))


def _gather(streams: list[Any], objects: int, told: Told) -> list[tuple[Any, ...]]:
    """What the streams yield, in their order: each time so many objects to keep by reference, and a number of records."""
    found: dict[Any, list[tuple[Any, ...]]] = {stream: [] for stream in streams}
    running = list(streams)
    records = 0
    try:
        while running:
            ready: list[Any] = ray.wait(running, num_returns=1, fetch_local=False)[0]
            for stream in ready:
                try:
                    first = next(stream)
                except StopIteration:
                    running.remove(stream)
                    continue
                kept = (first, *(next(stream, first) for _ in range(objects - 1)))
                records += ray.get(next(stream, first))
                found[stream].append(kept)
                told(records)
    except ray.exceptions.RayError as error:
        raise plain(error) from error
    return [each for stream in streams for each in found[stream]]


@ray.remote(num_returns="streaming")
def _read(pieces: Sequence[Piece], limits: Limits, block_bytes: int) -> Iterator[Any]:
    """A block of about so many bytes, then its number of records, and so on."""
    for block in _joined(_tables(pieces, limits), block_bytes):
        yield block
        yield block.num_rows


@ray.remote(num_returns="streaming")
def _read_clean(pieces: Sequence[Piece], limits: Limits, block_bytes: int, cleaning: Cleaning) -> Iterator[Any]:
    """A cleaned block of about so many bytes, then its heads and its number of records, and so on."""
    for block in _joined((clean_table(table, cleaning) for table in _tables(pieces, limits)), block_bytes):
        yield block
        yield heads_of(block)
        yield block.num_rows


def _tables(pieces: Sequence[Piece], limits: Limits) -> Iterator[pa.Table]:
    for piece in pieces:
        yield from read_piece(piece, limits)


def _joined(tables: Iterator[pa.Table], block_bytes: int) -> Iterator[pa.Table]:
    """The same rows in tables of at least so many bytes, but the last."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(each.nbytes for each in held) >= block_bytes:
            yield pa.concat_tables(held).combine_chunks()
            held = []
            give_back()
    if held:
        yield pa.concat_tables(held).combine_chunks()


def clean_blocks(blocks: list[Any], cleaning: Cleaning, told: Told) -> Blocks:
    """Empties `blocks`, so that what has been cleaned takes no room any more."""
    shared: Any = ray.put(cleaning)
    records = 0
    cleaned: list[Any] = [_clean.remote(block, shared) for block in blocks]
    blocks.clear()
    try:
        for count in [count for _, _, count in cleaned]:
            records += ray.get(count)
            told(records)
    except ray.exceptions.RayError as error:
        raise plain(error) from error
    return Blocks([block for block, _, _ in cleaned], [heads for _, heads, _ in cleaned])


@ray.remote(num_returns=3)
def _clean(block: pa.Table, cleaning: Cleaning) -> tuple[pa.Table, pa.Table, int]:
    give_back()
    cleaned = clean_table(block, cleaning)
    return cleaned, heads_of(cleaned), block.num_rows
