"""Encode a column of texts at once: by our kernel where the tokenizer is of our form, else by the tokenizers library.

Not for Ray (encode.py) or rows (pack.py).
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cluster.observe.logs import event
from workloads.tokenizer.encoding.form import OtherForm, read_form
from workloads.tokenizer.spec import END_TOKEN
from workloads.tokenizer.train import load_tokenizer

if TYPE_CHECKING:
    from workloads.tokenizer.encoding.tables import Tables

_LOG = logging.getLogger(__name__)
TokenType = np.dtype[np.unsignedinteger[Any]]  # uint16 or uint32


def token_type(vocabulary: int) -> TokenType:
    """The smallest of uint16 and uint32 that holds every id."""
    return np.dtype(np.uint16) if vocabulary <= 1 << 16 else np.dtype(np.uint32)


@dataclass(frozen=True)
class Encoded:
    """The tokens of all texts back to back, each text ended by token 0; where each begins, and where the last ends (one
    more than texts); the texts' lengths in characters."""

    tokens: NDArray[np.unsignedinteger[Any]]
    offsets: NDArray[np.int64]
    characters: NDArray[np.int64]


class Encoder(Protocol):
    def encode(self, texts: "pa.Array[Any]") -> Encoded:
        """Encode an array of strings without nulls."""


def load_encoder(tokenizer_json: str, dtype: TokenType) -> Encoder:
    """The fastest encoder that gives exactly the tokens of the tokenizers library. The name of a special token written in a
    text stays plain text. Imports numba, and compiles for some seconds where this machine has not done so before."""
    try:
        form = read_form(tokenizer_json)
    except OtherForm as why:
        event(_LOG, "slow_tokenizer", logging.WARNING, why=str(why), used="the tokenizers library")
        return LibraryEncoder(load_tokenizer(tokenizer_json), dtype)
    from workloads.tokenizer.encoding.tables import make_tables

    return KernelEncoder(make_tables(form), dtype)


class KernelEncoder:
    """kernel.py over the tables of one tokenizer."""

    def __init__(self, tables: "Tables", dtype: TokenType) -> None:
        self._tables, self._dtype = tables, dtype

    def encode(self, texts: "pa.Array[Any]") -> Encoded:
        from workloads.tokenizer.encoding.kernel import encode_texts

        text, bounds = utf8_of(texts)
        found = np.empty(int(bounds[-1] - bounds[0]) + len(texts), self._dtype)
        offsets, characters = np.empty(len(texts) + 1, np.int64), np.empty(len(texts), np.int64)
        its = self._tables
        lookups = (its.classes, its.letters, its.bytes_, its.keys, its.merges, its.shift, its.han_run)
        written = encode_texts(text, bounds, *lookups, END_TOKEN, found, offsets, characters)
        return Encoded(found[:written], offsets, characters)


def utf8_of(texts: "pa.Array[Any]") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes and the bounds of the texts, not copied; read-only, whatever they were, so that one compiled form fits."""
    if not len(texts):
        return np.frombuffer(b"\0", np.uint8), np.frombuffer(bytes(8), np.int64)
    texts = texts.cast(pa.large_string())
    buffers: Any = texts.buffers()
    _, bounds, text = buffers
    places = np.frombuffer(bounds, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(text if text else b"\0", np.uint8)
    places.flags.writeable = content.flags.writeable = False
    return content, places


class LibraryEncoder:
    """The tokenizers library, for any tokenizer that it reads."""

    def __init__(self, tokenizer: Tokenizer, dtype: TokenType) -> None:
        self._tokenizer, self._dtype = tokenizer, dtype

    def encode(self, texts: "pa.Array[Any]") -> Encoded:
        """One text at a time on purpose: a batch starts a thread per processor in every task, and only the environment
        could forbid that. Without offsets, it is also faster than `encode` (3.0 against 2.5 MB/s)."""
        strings = [str(text) for text in texts.to_pylist()]
        found = [self._one(text) for text in strings]
        tokens = np.concatenate([np.empty(0, self._dtype), *found])
        lengths = np.array([len(text) for text in strings], np.int64)
        return Encoded(tokens, np.cumsum([0, *map(len, found)], dtype=np.int64), lengths)

    def _one(self, text: str) -> NDArray[np.unsignedinteger[Any]]:
        ids = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
        return np.array([*ids, END_TOKEN], self._dtype)
