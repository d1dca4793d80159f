"""Held-out and training documents out of a corpus artifact, verified and in a fixed order.

Not for reading a whole corpus: it stops at the number of characters asked for.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow.parquet as pq

from cluster.artifacts import Artifact
from cluster.errors import ArtifactError

_COLUMNS = ["id", "text", "source", "split"]
_SHARE_OF_ONE = 20  # one document is at most this fraction of all that is scored, so that no single book decides


@dataclass(frozen=True)
class Document:
    """One document of a corpus."""

    id: str
    source: str
    text: str

    @property
    def characters(self) -> int:
        return len(self.text)

    @property
    def bytes(self) -> int:
        """Length in UTF-8."""
        return len(self.text.encode())


def heldout_documents(corpus: Artifact, max_documents: int, max_characters: int) -> list[Document]:
    """The first held-out documents by id, which is a hash and so a random order.

    A document longer than 1/20 of `max_characters` is cut there; the last one is cut where the total is reached.
    Raises ArtifactError where the corpus has no held-out document.
    """
    chosen: list[Document] = []
    left, longest = max_characters, max(max_characters // _SHARE_OF_ONE, 1)
    for document in _documents(corpus, "heldout"):
        if len(chosen) == max_documents or not left:
            break
        text = document.text[: min(longest, left)]
        chosen.append(Document(document.id, document.source, text))
        left -= len(text)
    if not chosen:
        raise ArtifactError(
            f"{corpus} has no held-out documents", "evaluation needs text the model has not seen", "raise the share held out"
        )
    return chosen


def training_texts(corpus: Artifact, max_characters: int) -> list[str]:
    """Whole training documents, first by id, until `max_characters` are reached (the last one is cut)."""
    texts: list[str] = []
    left = max_characters
    for document in _documents(corpus, "train"):
        if left <= 0:
            break
        texts.append(document.text[:left])
        left -= len(document.text)
    return texts


def _documents(corpus: Artifact, split: Literal["train", "heldout"]) -> Iterator[Document]:
    for entry in sorted(corpus.entries("documents/"), key=lambda entry: entry.path):
        table = pq.read_table(io.BytesIO(corpus.read(entry.path)), columns=_COLUMNS)
        for row in table.to_pylist():
            if row["split"] == split and row["text"]:
                yield Document(row["id"], row["source"], row["text"])
