"""From texts to the vocabulary and the merges of a byte-level BPE: what tokenizers' BpeTrainer learns, many times as fast.

Not for files or pieces' patterns: see train.py.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.tokenizer.encoding.characters import character_classes
from workloads.tokenizer.encoding.encoder import utf8_of
from workloads.tokenizer.encoding.form import byte_letters
from workloads.tokenizer.encoding.kernel import piece_ends
from workloads.tokenizer.learning.count import count_pieces
from workloads.tokenizer.learning.merge import learn_merges

Vocabulary = dict[str, int]
Merges = list[tuple[str, str]]


def learn_bpe(
    texts: Iterable[str], han_run: int, special: Sequence[str], vocab_size: int, least: int, longest: int
) -> tuple[Vocabulary, Merges]:
    """Ids: `special`, the 256 bytes in the order of their letters, then what is merged; at most `vocab_size` of them.

    least: the smallest count of a pair that is merged; longest: tokens are shorter than so many bytes (but two bytes).
    Memory: about 0.1 GB per million characters of mixed Chinese text.
    """
    letters = byte_letters()
    in_order = sorted(range(256), key=lambda byte: letters[byte])
    known = [*(each.encode() for each in special), *(bytes([byte]) for byte in in_order)]
    tokens_of_bytes = np.empty(256, np.int32)
    tokens_of_bytes[in_order] = np.arange(len(special), len(known))
    text, bounds = utf8_of(pa.array(list(texts), pa.large_string()))
    stops = np.empty(int(bounds[-1] - bounds[0]), np.int64)
    pieces = piece_ends(text, bounds, character_classes(), han_run, stops)
    starts, stops, counts = count_pieces(text, bounds[0], stops[:pieces])
    words, places = _words(text, starts, stops, tokens_of_bytes)
    begins = np.zeros(vocab_size + 2, np.int64)
    begins[1 : len(known) + 1] = np.cumsum([len(each) for each in known])
    content = np.zeros(begins.max() + (vocab_size + 1 - len(known)) * max(2, longest), np.uint8)
    content[: begins.max()] = np.frombuffer(b"".join(known), np.uint8)
    merges = learn_merges(words, places, counts, content, begins, len(known), vocab_size, least, longest)
    return _named(merges, known, letters, special)


def _words(
    text: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64], tokens: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The tokens of the bytes of the pieces back to back, and where each piece begins, and the last one ends."""
    places = np.concatenate([[0], np.cumsum(stops - starts)]).astype(np.int64)
    sources = np.arange(places[-1]) + np.repeat(starts - places[:-1], stops - starts)
    return tokens[text[sources]], places


def _named(
    merges: NDArray[np.int64], known: Sequence[bytes], letters: dict[int, str], special: Sequence[str]
) -> tuple[Vocabulary, Merges]:
    """Tokens as letters. Of a pair that was merged twice only the last time counts, as it does for the tokenizers library."""
    names = [*special, *("".join(letters[byte] for byte in each) for each in known[len(special) :])]
    last: dict[tuple[str, str], int] = {}
    for rank, row in enumerate(merges.tolist()):
        left, right, made = row
        if made == len(names):
            names.append(names[left] + names[right])
        last[names[left], names[right]] = rank
    vocabulary: dict[str, Any] = {name: number for number, name in enumerate(names)}
    return vocabulary, sorted(last, key=lambda pair: last[pair])
