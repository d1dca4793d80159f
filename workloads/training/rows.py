"""Read packed token rows: memory-mapped shards of a tokens artifact, by row number.

Not for their order (order.py) nor for writing them (the tokenizer's workload does). No Ray, no torch.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cluster.artifacts import Artifact
from cluster.errors import ArtifactError
from cluster.manifest import MANIFEST, Manifest

Split = Literal["train", "heldout"]
Tokens = NDArray[np.unsignedinteger[Any]]  # uint16 or uint32


@dataclass(frozen=True)
class RowDocuments:
    """The documents that a row holds parts of, in order; `starts[i]` is the place in the row where that of `documents[i]`
    begins."""

    starts: tuple[int, ...]
    documents: tuple[str, ...]


class TokenRows:
    """The rows of one split, `sequence_length` tokens each. Reads only the pages that are asked for.

    `folder`: a local folder of a tokens artifact, whose bytes its owner has verified (`Artifact.local_folder`).
    Documents follow each other, each ended by token 0; the last row is filled up with 0, see `valid`.
    Raises ArtifactError where files are missing or do not fit the manifest.
    """

    def __init__(self, folder: Path, split: Split = "train") -> None:
        self._folder, self._split = folder, split
        self._name = f"the {split} rows of tokens {folder.name}"
        counts = self._counts()
        self.sequence_length = counts["sequence_length"]
        self.vocabulary = counts["vocabulary"]
        self.tokens = counts[f"tokens_{split}"]
        self._shards = [self._map(path) for path in sorted((folder / split).glob("shard-*.arrow"))]
        self._first = np.cumsum([0, *(len(shard) for shard in self._shards)])
        if len(self) != counts[f"rows_{split}"]:
            raise self._unusable(f"hold {len(self)} rows, the manifest says {counts[f'rows_{split}']}")

    @staticmethod
    def of(tokens: Artifact, split: Split = "train") -> "TokenRows":
        """The rows of an artifact, every byte checked against its manifest. Raises ArtifactError."""
        return TokenRows(tokens.local_folder(), split)

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, row: int) -> Tokens:
        """One row as a read-only view of the file: uint16[L], or uint32[L] for a vocabulary above 65,536."""
        shard, within = self._place(row)
        view: Tokens = self._shards[shard][within]
        return view

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """A copy of these rows, in this order: int64[n, L]. Raises IndexError for a row that is not there."""
        indices = np.asarray(indices, dtype=np.int64)
        if len(indices) and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"rows {indices.min()} to {indices.max()} of {len(self)}")
        shards = np.searchsorted(self._first, indices, side="right") - 1
        out = np.empty((len(indices), self.sequence_length), dtype=np.int64)
        for shard in np.unique(shards):
            here = shards == shard
            out[here] = self._shards[shard][indices[here] - self._first[shard]]
        return out

    def valid(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tokens of each of these rows are text, from the left; what follows is padding. int64[n]."""
        indices = np.asarray(indices, dtype=np.int64)
        return np.minimum(self.tokens - indices * self.sequence_length, self.sequence_length)

    def documents(self, row: int) -> RowDocuments:
        """Where the text of a row came from."""
        shard, within = self._place(row)
        lineage = _lineage(self._folder / "lineage" / f"{self._split}-{shard:05d}.parquet")
        starts, documents = (lineage.column(name)[within].as_py() for name in ("starts", "documents"))
        return RowDocuments(tuple(starts), tuple(documents))

    def _place(self, row: int) -> tuple[int, int]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        shard = int(np.searchsorted(self._first, row, side="right")) - 1
        return shard, row - int(self._first[shard])

    def _counts(self) -> dict[str, int]:
        try:
            manifest = Manifest.from_json((self._folder / MANIFEST).read_bytes())
            wanted = ("sequence_length", "vocabulary", f"rows_{self._split}", f"tokens_{self._split}")
            return {name: manifest.counts[name] for name in wanted}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise self._unusable(f"have no usable manifest ({type(error).__name__}: {error})") from error

    def _map(self, path: Path) -> Tokens:
        try:
            column: Any = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0).column("tokens")
        except (OSError, KeyError, pa.ArrowException) as error:
            raise self._unusable(f"cannot be read: {path.name} ({error})") from error
        values: Tokens = column.flatten().to_numpy(zero_copy_only=True)
        return values.reshape(-1, self.sequence_length)

    def _unusable(self, what: str) -> ArtifactError:
        return ArtifactError(
            f"{self._name} {what}", "", "run `python -m workloads.tokenizer RECIPE` again, or restore the folder"
        )


@lru_cache(maxsize=4)
def _lineage(path: Path) -> pa.Table:
    return pq.read_table(path)
