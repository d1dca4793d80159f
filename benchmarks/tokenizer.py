"""Encoding speed: the tokens stage's path against tiktoken on the same ranks, and the token order's rows per second.

    python benchmarks/tokenizer.py [documents.jsonl.gz] [--characters 1000000] [--vocab-size 8000]

Without a file it makes text of its own, whose repetition flatters every encoder: take the ratio from real text. Without
tiktoken (`pip install tiktoken`) the peer is the tokenizers library called with the whole batch on all processors.
"""

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from workloads.tokenizer.encode import encode_one, token_type
from workloads.tokenizer.spec import SPECIAL_TOKENS, TokenizerSpec
from workloads.tokenizer.train import load_tokenizer, piece_pattern, train_bpe
from workloads.training.order import RowOrder

T = TypeVar("T")

_REPEATS = 3
_ORDER_ROWS, _ORDER_READ = 10**9, 10**7


def main() -> None:
    options = _arguments()
    texts = read_texts(options.documents, options.characters) if options.documents else made_texts(options.characters)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    learning, encoding = texts[::2], texts[1::2]
    share = sum(len(text.encode()) for text in encoding) / 1e6
    began = time.perf_counter()
    tokenizer = load_tokenizer(train_bpe(learning, options.vocab_size, options.han_run, TokenizerSpec().longest_token).to_str())
    print(f"text {megabytes:.1f} MB in {len(texts)} documents; vocabulary {tokenizer.get_vocab_size()}", end="; ")
    print(f"trained on half of it in {time.perf_counter() - began:.1f} s; the other half is encoded, best of {_REPEATS}")
    dtype = token_type(tokenizer.get_vocab_size())
    ours, ids = best(lambda: [encode_one(tokenizer, text, dtype)[:-1].tolist() for text in encoding])
    name, peer = find_peer(tokenizer, options.han_run)
    theirs, their_ids = best(lambda: peer(encoding))
    characters = sum(map(len, encoding)) / sum(map(len, ids))
    print(f"tokens stage, one thread     {share / ours:6.2f} MB/s  {characters:.3f} characters per token")
    print(f"{name:<28} {share / theirs:6.2f} MB/s  tokens equal: {'yes' if ids == their_ids else 'NO'}")
    print(f"ratio                        {theirs / ours:6.2f}")
    order = RowOrder(_ORDER_ROWS, seed=1)
    seconds, _ = best(lambda: order.rows(_ORDER_READ, 2 * _ORDER_READ))
    print(f"order of {_ORDER_ROWS:.0e} rows         {_ORDER_READ / seconds / 1e6:6.1f} million rows/s")


def find_peer(tokenizer: Tokenizer, han_run: int) -> tuple[str, Callable[[list[str]], list[list[int]]]]:
    """The fastest encoder at hand for the same tokens."""
    if not find_spec("tiktoken"):
        return "tokenizers, whole batch", lambda texts: [each.ids for each in tokenizer.encode_batch_fast(texts)]
    to_byte = {letter: byte for byte, letter in byte_letters().items()}
    ranks = {
        bytes(to_byte[letter] for letter in token): number
        for token, number in tokenizer.get_vocab().items()
        if token not in SPECIAL_TOKENS
    }
    encoding = import_module("tiktoken").Encoding(
        "same", pat_str=piece_pattern(han_run), mergeable_ranks=ranks, special_tokens={}
    )
    return "tiktoken, one thread", lambda texts: [encoding.encode_ordinary(text) for text in texts]


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in a byte-level vocabulary: itself where printable, else from U+0100 on."""
    letters = ByteLevel.alphabet()
    kept = {ord(letter): letter for letter in letters if ord(letter) < 256}
    others = sorted(letter for letter in letters if ord(letter) >= 256)
    return kept | dict(zip((byte for byte in range(256) if byte not in kept), others, strict=True))


def best(run: Callable[[], T]) -> tuple[float, T]:
    """The shortest of a few runs, in seconds of wall-clock time, and what the last one gave."""
    shortest = float("inf")
    for _ in range(_REPEATS):
        began = time.perf_counter()
        result = run()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, result


def read_texts(path: str, characters: int) -> list[str]:
    """Documents of a .jsonl or .jsonl.gz until so many characters."""
    texts: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            characters -= len(texts[-1])
            if characters <= 0:
                break
    return texts


def made_texts(characters: int) -> list[str]:
    """Chinese-looking documents: words drawn by Zipf's law from a made vocabulary, in clauses."""
    chance = np.random.default_rng(1)
    letters = random.Random(1)
    words = [
        "".join(chr(0x4E00 + letters.randrange(3000)) for _ in range(letters.choice((1, 1, 2, 2, 2, 3)))) for _ in range(20_000)
    ]
    texts = []
    while characters > 0:
        clauses = ["".join(words[min(rank, 19_999)] for rank in chance.zipf(1.3, 5)) for _ in range(40)]
        texts.append("，".join(clauses) + f"。{letters.randrange(10_000)} GB\n")
        characters -= len(texts[-1])
    return texts


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("documents", nargs="?", default="", help="JSON lines with a `text`, plain or .gz")
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--vocab-size", type=int, default=8_000)
    parser.add_argument("--han-run", type=int, default=TokenizerSpec().han_run)
    return parser.parse_args()


if __name__ == "__main__":
    main()
