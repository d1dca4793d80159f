"""Encoding speed in processor time: the tokens stage's path against tiktoken on the same ranks and the tokenizers library,
what loading the encoder costs, and the token order's rows per second.

    python benchmarks/tokenizer.py [documents.jsonl.gz] [--characters 1000000] [--vocab-size 8000]

Without a file it makes text of its own, whose repetition flatters every encoder: take the ratios from real text. tiktoken is
left out where it is not installed (`pip install tiktoken`).
"""

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from workloads.tokenizer.encoding import Encoder, load_encoder, token_type
from workloads.tokenizer.encoding.form import byte_letters
from workloads.tokenizer.spec import SPECIAL_TOKENS, TokenizerSpec
from workloads.tokenizer.train import load_tokenizer, piece_pattern, train_bpe
from workloads.training.order import RowOrder

T = TypeVar("T")
Tokens = list[list[int]]

_REPEATS = 3
_ORDER_ROWS, _ORDER_READ = 10**9, 10**7


def main() -> None:
    options = _arguments()
    texts = read_texts(options.documents, options.characters) if options.documents else made_texts(options.characters)
    learning, encoding = texts[::2], texts[1::2]
    megabytes = sum(len(text.encode()) for text in encoding) / 1e6
    seconds, trained = spent(lambda: train_bpe(learning, options.vocab_size, options.han_run, TokenizerSpec().longest_token))
    vocabulary, tokenizer_json = trained.get_vocab_size(), trained.to_str()
    print(f"trained on {sum(map(len, learning)) / 1e6:.1f} M characters in {seconds:.1f} s; vocabulary {vocabulary}", end="; ")
    print(f"{megabytes:.1f} MB in {len(encoding)} other documents are encoded; processor time, best of {_REPEATS}")
    seconds, encoder = spent(lambda: loaded(tokenizer_json, vocabulary))
    print(f"loading the encoder          {seconds:6.2f} s (longer where this machine has not compiled it yet)")
    ours, encoded = best(lambda: encoder.encode(pa.array(encoding)))
    print(f"tokens stage                 {megabytes / ours:6.2f} MB/s", end="  ")
    print(f"{sum(map(len, encoding)) / (len(encoded.tokens) - len(encoding)):.3f} characters per token")
    ids = [part[:-1].tolist() for part in np.split(encoded.tokens, encoded.offsets[1:-1])]
    for name, peer in find_peers(tokenizer_json, options.han_run).items():
        theirs, their_ids = best(partial(peer, encoding))
        print(f"{name:<28} {megabytes / theirs:6.2f} MB/s", end="  ")
        print(f"{theirs / ours:5.2f} times as long; tokens equal: {'yes' if ids == their_ids else 'NO'}")
    order = RowOrder(_ORDER_ROWS, seed=1)
    seconds, _ = best(lambda: order.rows(_ORDER_READ, 2 * _ORDER_READ))
    print(f"order of {_ORDER_ROWS:.0e} rows         {_ORDER_READ / seconds / 1e6:6.1f} million rows/s")


def loaded(tokenizer_json: str, vocabulary: int) -> Encoder:
    """An encoder that has encoded once, so that all of it is there."""
    encoder = load_encoder(tokenizer_json, token_type(vocabulary))
    encoder.encode(pa.array(["。"]))
    return encoder


def find_peers(tokenizer_json: str, han_run: int) -> dict[str, Callable[[list[str]], Tokens]]:
    """Other encoders at hand for the same tokens, one text at a time."""
    tokenizer = load_tokenizer(tokenizer_json)
    peers: dict[str, Callable[[list[str]], Tokens]] = {
        "tokenizers": lambda texts: [tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids for text in texts]
    }
    if find_spec("tiktoken"):
        to_byte = {letter: byte for byte, letter in byte_letters().items()}
        ranks = {
            bytes(to_byte[letter] for letter in token): number
            for token, number in tokenizer.get_vocab().items()
            if token not in SPECIAL_TOKENS
        }
        encoding = import_module("tiktoken").Encoding(
            "same", pat_str=piece_pattern(han_run), mergeable_ranks=ranks, special_tokens={}
        )
        peers["tiktoken"] = lambda texts: [encoding.encode_ordinary(text) for text in texts]
    return peers


def spent(run: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds of all threads of this process, and the result."""
    began = time.process_time()
    result = run()
    return time.process_time() - began, result


def best(run: Callable[[], T]) -> tuple[float, T]:
    """The least of a few runs, and the result of the last one."""
    runs = [spent(run) for _ in range(_REPEATS)]
    return min(seconds for seconds, _ in runs), runs[-1][1]


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
