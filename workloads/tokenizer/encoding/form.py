"""Read a tokenizer.json: byte-level BPE over the pieces of `train.piece_pattern`, or the reason why it is something else.

Not for tables to look up in: see tables.py.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

from workloads.tokenizer.train import piece_pattern

_LONGEST_HAN_RUN = 64  # as in TokenizerSpec
_PLAIN_MODEL = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
_NOTHING = ("truncation", "padding", "normalizer", "post_processor")


class OtherForm(ValueError):
    """The tokenizer is not one of ours; the message says in what."""


@dataclass(frozen=True)
class Form:
    """What decides how our tokenizer encodes. Tokens are bytes; a merge's rank is its place in `merges`."""

    han_run: int
    tokens: dict[bytes, int]
    merges: list[tuple[int, int, int]]  # left, right and made token


def read_form(tokenizer_json: str) -> Form:
    """Raises OtherForm where the file asks for anything that kernel.py does not do."""
    whole = json.loads(tokenizer_json)
    for part in _NOTHING:
        if whole.get(part):
            raise OtherForm(f"it has a {part}")
    if any(not added["special"] for added in whole.get("added_tokens", [])):
        raise OtherForm("it has added tokens that are not special")
    han_run = _han_run(whole.get("pre_tokenizer"))
    model = whole["model"]
    unlike = [name for name, plain in _PLAIN_MODEL.items() if model.get(name, plain) != plain]
    if unlike:
        raise OtherForm(f"its model has another {unlike[0]}")
    return _form(han_run, model)


def _han_run(pre_tokenizer: Any) -> int:
    steps = (pre_tokenizer or {}).get("pretokenizers", [])
    if len(steps) == 2:
        split, to_letters = steps
        pattern = split.get("pattern", {}).get("Regex", "")
        run = re.match(r"\\p\{Han\}\{1,(\d+)\}", pattern)
        han_run = int(run[1]) if run else 0
        if (
            split.get("type") == "Split"
            and 1 <= han_run <= _LONGEST_HAN_RUN
            and pattern == piece_pattern(han_run)
            and split.get("behavior") == "Isolated"
            and split.get("invert") is False
            and to_letters.get("type") == "ByteLevel"
            and to_letters.get("add_prefix_space") is False
            and to_letters.get("use_regex") is False
        ):
            return han_run
    raise OtherForm("it cuts text into other pieces")


def _form(han_run: int, model: Any) -> Form:
    to_byte = {letter: byte for byte, letter in byte_letters().items()}
    numbers = model["vocab"]
    tokens = {}
    for token, number in numbers.items():
        if all(letter in to_byte for letter in token):
            tokens[bytes(to_byte[letter] for letter in token)] = number
    if not all(bytes([byte]) in tokens for byte in range(256)):
        raise OtherForm("its vocabulary lacks single bytes")
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    merges = [(numbers[left], numbers[right], numbers[left + right]) for left, right in pairs]
    if len({(left, right) for left, right, _ in merges}) < len(merges):
        raise OtherForm("it has a merge twice")
    return Form(han_run, tokens, merges)


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in a byte-level vocabulary: itself where printable, else from U+0100 on."""
    letters = ByteLevel.alphabet()
    kept = {ord(letter): letter for letter in letters if ord(letter) < 256}
    others = sorted(letter for letter in letters if ord(letter) >= 256)
    return kept | dict(zip((byte for byte in range(256) if byte not in kept), others, strict=True))
