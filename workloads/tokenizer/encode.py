"""Encode a corpus with Ray Data: documents to token sequences, in the order of the corpus whatever the parallelism.

Not for rows: see pack.py.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
from ray.exceptions import RayError
from tokenizers import Tokenizer

from cluster.artifacts import Artifact
from cluster.manifest import FileEntry, Manifest
from cluster.storage import locate
from workloads.tokenizer.documents import open_part, parts_of
from workloads.tokenizer.pack import Ids, TokenType
from workloads.tokenizer.train import load_tokenizer

_UNIT_BYTES = 4 << 20  # of text for one task: about a second of work
_MOST_UNITS_PER_PART = 16  # each reads and checks its whole part
_END = 0


def encode_corpus(corpus: Artifact, tokenizer_json: str, dtype: TokenType) -> Iterator[pa.Table]:
    """Tables with the columns id, split, characters and tokens (a list that ends with token 0), in the order of the corpus.

    Raises ArtifactError where a part differs from its manifest, InputError where there is none.
    """
    units = [{"path": part.path, "start": a, "stop": b} for part in parts_of(corpus) for a, b in _units(corpus, part)]
    dataset = ray.data.from_items(units, override_num_blocks=len(units))
    dataset.context.execution_options.preserve_order = True
    encode = _encoder(corpus.uri, corpus.manifest, tokenizer_json, dtype)
    encoded = dataset.map_batches(encode, batch_size=None, batch_format="pyarrow", num_cpus=1)
    try:
        tables: Any = encoded.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
        yield from tables
    except RayError:
        corpus.verify("documents/")  # where that is why, this says it in one line
        raise


def _units(corpus: Artifact, part: FileEntry) -> list[tuple[int, int]]:
    """Rows [start, stop) of each task over one part, from its footer alone."""
    try:
        with corpus.location.filesystem.open_input_file((corpus.location / part.path).path) as file:
            metadata = pq.ParquetFile(file).metadata
    except (OSError, pa.ArrowInvalid):
        corpus.verify(part.path)  # where that is why, this says it in one line
        raise
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    count = min(-(-size // _UNIT_BYTES), _MOST_UNITS_PER_PART, metadata.num_rows)
    return list(pairwise(int(edge) for edge in np.linspace(0, metadata.num_rows, count + 1)))


def _encoder(uri: str, manifest: Manifest, tokenizer_json: str, dtype: TokenType) -> Callable[[Any], pa.Table]:
    def encode(units: Any) -> pa.Table:
        corpus, tokenizer = Artifact(locate(uri), manifest), _loaded(tokenizer_json)
        return pa.concat_tables(
            encode_rows(tokenizer, _rows(corpus, unit["path"], unit["start"], unit["stop"]), dtype)
            for unit in units.to_pylist()
        )

    return encode


@lru_cache(maxsize=1)
def _loaded(tokenizer_json: str) -> Tokenizer:
    return load_tokenizer(tokenizer_json)


def _rows(corpus: Artifact, path: str, start: int, stop: int) -> pa.Table:
    return open_part(corpus, path).read(columns=["id", "split", "text"]).slice(start, stop - start)


def encode_rows(tokenizer: Tokenizer, table: pa.Table, dtype: TokenType) -> pa.Table:
    """The rows of a table with the columns id, split and text, encoded; see `encode_corpus`."""
    texts = [str(text) for text in table.column("text").to_pylist()]
    encoded = [encode_one(tokenizer, text, dtype) for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    tokens = np.concatenate([np.empty(0, dtype), *encoded])
    return pa.table(
        {
            "id": table.column("id"),
            "split": table.column("split"),
            "characters": pa.array([len(text) for text in texts], pa.int64()),
            "tokens": pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(tokens)),
        }
    )


def encode_one(tokenizer: Tokenizer, text: str, dtype: TokenType) -> Ids:
    """The tokens of one document and the end-of-text token.

    A batch of one on purpose: a larger batch starts a thread per processor in every task, and only the environment could
    forbid that. Without offsets, it is also faster than `encode` (3.0 against 2.5 MB/s).
    """
    return np.array([*tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids, _END], dtype=dtype)


def token_type(vocabulary: int) -> TokenType:
    """The smallest of uint16 and uint32 that holds every id."""
    return np.dtype(np.uint16) if vocabulary <= 1 << 16 else np.dtype(np.uint32)
