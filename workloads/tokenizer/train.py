"""Train a byte-level BPE whose pieces suit Chinese, and cut a trained one to a smaller vocabulary.

Pure: text in, tokenizer out. Not for files (huggingface.py) or figures (measure.py).
"""

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from workloads.tokenizer.spec import SMALLEST_VOCABULARY, SPECIAL_TOKENS

_SEEN_TWICE = 2  # a merge seen once says nothing about other text


def piece_pattern(han_run: int) -> str:
    """The pieces that no token crosses, as a regular expression that Oniguruma, PCRE2 and fancy-regex all read.

    Runs of Han up to `han_run` characters; digits singly; words of other scripts and runs of punctuation, each with the
    space before it; line ends; spaces. Bounds keep a long line of one kind from becoming one long piece.
    """
    return "|".join(
        (
            rf"\p{{Han}}{{1,{han_run}}}",
            r"\p{N}",
            r" ?(?:(?!\p{Han})[\p{L}\p{M}]){1,64}",
            r" ?[^\s\p{L}\p{M}\p{N}]{1,16}",
            r"[\r\n]{1,8}",
            r"[^\S\r\n]{1,16}(?!\S)",
            r"\s",
        )
    )


def train_bpe(texts: Iterable[str], vocab_size: int, han_run: int, longest_token: int) -> Tokenizer:
    """A tokenizer of at most `vocab_size` tokens of at most `longest_token` bytes; fewer where the text repeats too little.
    Same text, same tokenizer.

    Ids: special tokens from 0, the 256 bytes, then merges in the order they were learned.
    """
    from workloads.tokenizer.learning.learn import learn_bpe

    vocabulary, merges = learn_bpe(texts, han_run, SPECIAL_TOKENS, vocab_size, _SEEN_TWICE, longest_token)
    tokenizer = Tokenizer(BPE(vocabulary, merges))
    pieces = Split(Regex(piece_pattern(han_run)), "isolated")
    tokenizer.pre_tokenizer = Sequence([pieces, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def cut_vocabulary(tokenizer: Tokenizer, vocab_size: int) -> Tokenizer:
    """The tokenizer that the same training would have given with a smaller `vocab_size`: BPE learns greedily, so a
    smaller vocabulary is a beginning of a larger one.

    Raises ValueError below the bytes and special tokens.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise ValueError(f"{vocab_size} < {SMALLEST_VOCABULARY}")
    whole: dict[str, Any] = json.loads(tokenizer.to_str())
    model = whole["model"]
    kept = {token: number for token, number in model["vocab"].items() if number < vocab_size}
    merges = []
    made = SMALLEST_VOCABULARY
    for left, right in model["merges"]:
        if made >= vocab_size:
            break
        merges.append([left, right])  # two merges may make the same token, which then counts once
        made = max(made, kept[left + right] + 1)
    model["vocab"], model["merges"] = kept, merges
    return Tokenizer.from_str(json.dumps(whole, ensure_ascii=False))


def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """A tokenizer to encode documents with: the name of a special token written in a document stays plain text."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.encode_special_tokens = True
    return tokenizer
