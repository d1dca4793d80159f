"""The two streaming passes over the text, on Ray Data: read everything, then clean everything.

Between them stands the count of recurring lines, which needs to have seen all of it. Blocks stay in Ray's object store,
which spills to disk; a block whose worker died is made again from the input.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset

from workloads.corpus.clean import clean_table
from workloads.corpus.plan import Piece
from workloads.corpus.read import read_piece
from workloads.corpus.shuffle import plain
from workloads.corpus.spec import CorpusSpec
from workloads.text.lexicon import Lexicon

_LEAST_BLOCK, _LARGEST_BLOCK, _BLOCKS = 2 << 20, 64 << 20, 32
Told = Callable[[int], None]


def read_blocks(tasks: Sequence[Sequence[Piece]], limit: int, told: Told) -> list[Any]:
    """References to tables with columns READ; `told` hears the number of records so far."""
    todo = ray.data.from_arrow([pa.table({"task": [index]}) for index in range(len(tasks))])
    total = sum(piece.bytes for task in tasks for piece in task)
    block_bytes = max(_LEAST_BLOCK, min(_LARGEST_BLOCK, total // _BLOCKS))
    return _run(todo, partial(_read, tasks=ray.put(tasks), limit=limit), block_bytes, told)


def _read(batch: pa.Table, tasks: Any, limit: int) -> Iterator[pa.Table]:
    everything = ray.get(tasks)
    for index in batch["task"].to_pylist():
        for piece in everything[index]:
            yield from read_piece(piece, limit)


def clean_blocks(
    blocks: Sequence[Any], spec: CorpusSpec, recurring: frozenset[int], lexicon: Lexicon | None, told: Told
) -> list[Any]:
    """References to tables with columns CLEAN."""
    todo = ray.data.from_arrow_refs(list(blocks))
    return _run(
        todo, partial(_clean, spec=spec, recurring=ray.put(recurring), lexicon=ray.put(lexicon)), 2 * _LARGEST_BLOCK, told
    )


def _clean(block: pa.Table, spec: CorpusSpec, recurring: Any, lexicon: Any) -> pa.Table:
    return clean_table(block, spec, ray.get(recurring), ray.get(lexicon))


def _run(todo: Dataset, function: Callable[..., Any], block_bytes: int, told: Told) -> list[Any]:
    """One task per block; references to what they give, in memory or spilled."""
    todo.context.target_max_block_size = block_bytes
    result = todo.map_batches(function, batch_size=None, batch_format="pyarrow", udf_modifying_row_count=True)
    references: list[Any] = []
    records = 0
    try:
        for bundle in result.iter_internal_ref_bundles():
            references += bundle.block_refs
            records += bundle.num_rows() or 0
            told(records)
    except ray.exceptions.RayError as error:
        raise plain(error) from error
    return references
