"""Encode a corpus by Ray tasks: documents to token sequences, in the order of the corpus whatever the parallelism.

Not for the encoding itself (encoding/) or for rows (pack.py).
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from ray.exceptions import RayError

from cluster.artifacts import Artifact
from cluster.manifest import FileEntry, Manifest
from cluster.memory import give_back
from cluster.storage import locate
from workloads.tokenizer.documents import HELDOUT, TRAIN, open_part, parts_of
from workloads.tokenizer.encoding import Encoder, TokenType, load_encoder
from workloads.tokenizer.mix import PLAIN, Mixture
from workloads.tokenizer.pack import Counted
from workloads.tokenizer.sources import count_by_source

_UNIT_BYTES = 16 << 20  # of a compressed part for one task: about a second of work, and 30 MB of tokens
_ROWS_AT_ONCE = 512
_COLUMNS = ["id", "source", "split", "text"]
_LEAST_AHEAD, _AHEAD_PER_CPU = 4, 2  # tasks begun before their turn


@dataclass(frozen=True)
class Unit:
    """Row groups [start, stop) of a part; a negative `stop` is the end. The first unit of a part checks all its bytes.
    `repeat`: documents that are packed more often than this many times, 0 for all."""

    path: str
    start: int
    stop: int
    repeat: int = 0


@dataclass(frozen=True)
class Encoded:
    """A unit, encoded. By split: a reference to a table with the columns id, source, characters and tokens (a list that ends
    with token 0), what it holds, and its tokens by source."""

    tables: Mapping[str, Any]
    counted: Mapping[str, Counted]
    by_source: Mapping[str, Counter[str]]


def encode_corpus(corpus: Artifact, tokenizer_json: str, dtype: TokenType, mixture: Mixture = PLAIN) -> Iterator[Encoded]:
    """The corpus in its order; what the mixture repeats comes again after all, so that copies of a document are far apart.

    Raises ArtifactError where a part differs from its manifest, InputError where there is none.
    """
    once = [unit for part in parts_of(corpus) for unit in _units(corpus, part)]
    units = [replace(unit, repeat=repeat) for repeat in range(mixture.rounds) for unit in once]
    shared = ray.put((corpus.manifest, tokenizer_json, dtype, mixture))
    waiting: deque[Any] = deque()
    try:
        for unit in units:
            if len(waiting) >= most_ahead():
                yield _encoded(*waiting.popleft())
            waiting.append(_encode_unit.remote(corpus.uri, shared, unit))
        while waiting:
            yield _encoded(*waiting.popleft())
    except RayError:
        corpus.verify("documents/")  # where that is why, this says it in one line
        raise
    finally:
        for *_, counts in waiting:
            ray.cancel(counts)


def _encoded(train: Any, heldout: Any, counts: Any) -> Encoded:
    counted, by_source = ray.get(counts)
    return Encoded({TRAIN: train, HELDOUT: heldout}, counted, by_source)


def most_ahead() -> int:
    """Units begun before their turn; tables of about two units fill a shard."""
    resources: Any = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(_LEAST_AHEAD, _AHEAD_PER_CPU * int(resources.get("CPU", 0)))


def _units(corpus: Artifact, part: FileEntry) -> list[Unit]:
    """The tasks over one part, from its footer alone, and without that where it is small."""
    if part.size <= _UNIT_BYTES:
        return [Unit(part.path, 0, -1)]
    try:
        with corpus.location.filesystem.open_input_file((corpus.location / part.path).path) as file:
            metadata = pq.ParquetFile(file).metadata
    except (OSError, pa.ArrowInvalid):
        corpus.verify(part.path)  # where that is why, this says it in one line
        raise
    return _group([_compressed(metadata.row_group(at)) for at in range(metadata.num_row_groups)], part.path)


def _compressed(row_group: Any) -> int:
    return sum(row_group.column(at).total_compressed_size for at in range(row_group.num_columns))


def _group(sizes: list[int], path: str) -> list[Unit]:
    """Row groups that follow each other, until they reach the size of a unit."""
    units, start, size = [], 0, 0
    for at, its in enumerate(sizes):
        size += its
        if size >= _UNIT_BYTES or at == len(sizes) - 1:
            units.append(Unit(path, start, at + 1))
            start, size = at + 1, 0
    return units or [Unit(path, 0, -1)]


@ray.remote(num_cpus=1, num_returns=3)
def _encode_unit(uri: str, shared: tuple[Manifest, str, TokenType, Mixture], unit: Unit) -> tuple[object, ...]:
    give_back()
    manifest, tokenizer_json, dtype, mixture = shared
    encoder = _loaded(tokenizer_json, dtype)
    slices = [_encode_slice(encoder, mixture, unit, table) for table in _slices(Artifact(locate(uri), manifest), unit)]
    encoded = {split: pa.concat_tables([each[split] for each in slices]) for split in (TRAIN, HELDOUT)}
    counted = {split: Counted.of(its) for split, its in encoded.items()}
    return encoded[TRAIN], encoded[HELDOUT], (counted, {split: count_by_source(its) for split, its in encoded.items()})


@lru_cache(maxsize=1)
def _loaded(tokenizer_json: str, dtype: TokenType) -> Encoder:
    return load_encoder(tokenizer_json, dtype)


def _encode_slice(encoder: Encoder, mixture: Mixture, unit: Unit, table: pa.Table) -> dict[str, pa.Table]:
    """By split, what the mixture packs of these rows."""
    rows = {split: table.filter(pc.field("split") == split) for split in (TRAIN, HELDOUT)}
    rows[TRAIN] = rows[TRAIN].filter(mixture.packs(rows[TRAIN], unit.repeat))
    if unit.repeat:
        rows[HELDOUT] = rows[HELDOUT].slice(0, 0)
    return {split: encode_rows(encoder, its) for split, its in rows.items()}


def _slices(corpus: Artifact, unit: Unit) -> Iterator[pa.Table]:
    """The unit's rows, some hundred at a time, so that its text never lies in memory as a whole; at least one table."""
    if unit.stop < 0:
        yield from _read(open_part(corpus, unit.path), unit)
        return
    if unit.start == 0:
        corpus.verify(unit.path)
    with corpus.location.filesystem.open_input_file((corpus.location / unit.path).path) as stream:
        yield from _read(pq.ParquetFile(stream), unit)


def _read(part: pq.ParquetFile, unit: Unit) -> Iterator[pa.Table]:
    yield part.schema_arrow.empty_table().select(_COLUMNS)
    groups = list(range(unit.start, part.num_row_groups if unit.stop < 0 else unit.stop))
    for batch in part.iter_batches(_ROWS_AT_ONCE, groups, _COLUMNS):
        yield pa.Table.from_batches([batch])


def encode_rows(encoder: Encoder, table: pa.Table) -> pa.Table:
    """The rows of a table with the columns id, source and text, encoded; see `encode_corpus`."""
    encoded = encoder.encode(table["text"].cast(pa.large_string()).combine_chunks())
    offsets, tokens = pa.array(encoded.offsets, pa.int64()), pa.array(encoded.tokens)
    columns: dict[str, Any] = {
        "id": table["id"].cast(pa.string()),
        "source": table["source"].cast(pa.string()),
        "characters": pa.array(encoded.characters),
        "tokens": pa.LargeListArray.from_arrays(offsets, tokens),
    }
    return pa.table(columns)
