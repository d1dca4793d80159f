"""The two passes over the text, by plain Ray tasks: read everything, then clean everything.

Between them stands the count of recurring lines, which needs to have seen all of it. Blocks stay in Ray's object store,
which spills to disk; a block whose worker died is made again from the input. A block as read is let go as soon as its
cleaned form is there.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import ray

from workloads.corpus.clean import Cleaning, clean_table
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.read import read_piece
from workloads.corpus.shuffle import plain

_LEAST_BLOCK, _LARGEST_BLOCK, _BLOCKS = 2 << 20, 64 << 20, 32
Told = Callable[[int], None]


def block_bytes(total: int) -> int:
    """Of a block as read, where all input has `total` bytes."""
    return max(_LEAST_BLOCK, min(_LARGEST_BLOCK, total // _BLOCKS))


def read_blocks(tasks: Sequence[Sequence[Piece]], limits: Limits, told: Told) -> list[Any]:
    """References to tables with columns READ; `told` hears the number of records so far."""
    size = block_bytes(sum(piece.bytes for task in tasks for piece in task))
    streams: list[Any] = [_read.remote(task, limits, size) for task in tasks]
    found: list[list[Any]] = [[] for _ in streams]
    running = dict(zip(streams, found, strict=True))
    records = 0
    try:
        while running:
            ready: list[Any] = ray.wait(list(running), num_returns=1, fetch_local=False)[0]
            for stream in ready:
                try:
                    block = next(stream)
                except StopIteration:
                    del running[stream]
                    continue
                records += ray.get(next(stream, block))
                running[stream].append(block)
                told(records)
    except ray.exceptions.RayError as error:
        raise plain(error) from error
    return [block for blocks in found for block in blocks]


@ray.remote(num_returns="streaming")
def _read(pieces: Sequence[Piece], limits: Limits, block_bytes: int) -> Iterator[Any]:
    """A block of about so many bytes, then its number of records, and so on."""
    held: list[pa.Table] = []
    for piece in pieces:
        for table in read_piece(piece, limits):
            held.append(table)
            if sum(each.nbytes for each in held) >= block_bytes:
                yield pa.concat_tables(held).combine_chunks()
                yield sum(each.num_rows for each in held)
                held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()
        yield sum(each.num_rows for each in held)


def clean_blocks(blocks: list[Any], cleaning: Cleaning, told: Told) -> list[Any]:
    """References to tables with columns CLEAN. Empties `blocks`, so that what has been cleaned takes no room any more."""
    shared: Any = ray.put(cleaning)
    records = 0
    pairs: list[Any] = [_clean.remote(block, shared) for block in blocks]
    blocks.clear()
    try:
        for count in [count for _, count in pairs]:
            records += ray.get(count)
            told(records)
    except ray.exceptions.RayError as error:
        raise plain(error) from error
    return [cleaned for cleaned, _ in pairs]


@ray.remote(num_returns=2)
def _clean(block: pa.Table, cleaning: Cleaning) -> tuple[pa.Table, int]:
    return clean_table(block, cleaning), block.num_rows
