"""Read the documents of a corpus artifact part by part, every byte checked.

The order of a corpus is by id, which is a hash: so its first documents are a random sample, the same every time.
Not for encoding: see encode.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.artifacts import Artifact
from cluster.errors import InputError
from cluster.manifest import FileEntry

TRAIN, HELDOUT = "train", "heldout"
_BATCH = 1_000  # documents held as Python text at a time


@dataclass(frozen=True)
class Document:
    """One document of the corpus; `source` is where it came from."""

    id: str
    text: str
    source: str


def parts_of(corpus: Artifact) -> list[FileEntry]:
    """The corpus' document files in order. Raises InputError where there is none."""
    parts = sorted((e for e in corpus.entries("documents/") if e.path.endswith(".parquet")), key=lambda entry: entry.path)
    if not parts:
        raise InputError(f"{corpus} holds no documents", "a corpus with at least one kept document", "look at its report.html")
    return parts


def open_part(corpus: Artifact, path: str) -> pq.ParquetFile:
    """One part, held in memory. Raises ArtifactError where its bytes differ from the manifest."""
    return pq.ParquetFile(pa.BufferReader(corpus.read(path)))


def read_documents(corpus: Artifact, split: str) -> Iterator[Document]:
    """Every document of one split, in the order of the corpus; memory for one part at a time."""
    for part in parts_of(corpus):
        for batch in open_part(corpus, part.path).iter_batches(_BATCH, columns=["id", "text", "source", "split"]):
            for row in batch.to_pylist():
                if row["split"] == split:
                    yield Document(row["id"], row["text"], row["source"])


def first_characters(documents: Iterable[Document], limit: int) -> Iterator[Document]:
    """Documents until `limit` characters are reached; the last one is cut there."""
    left = limit
    for document in documents:
        yield Document(document.id, document.text[:left], document.source)
        left -= len(document.text)
        if left <= 0:
            return
