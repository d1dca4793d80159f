"""Whatever the text and the merges, the tokens are those of the tokenizers library, document by document."""

import gzip
import json
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from workloads.tokenizer.encoding import Encoder, load_encoder
from workloads.tokenizer.encoding.encoder import KernelEncoder, LibraryEncoder
from workloads.tokenizer.spec import SPECIAL_TOKENS
from workloads.tokenizer.train import load_tokenizer, train_bpe

Sentences = Callable[[int, int], str]
U16 = np.dtype(np.uint16)
SCRIPTS = (
    "的一是不了在人有我他这中大来上国",
    "abcde  é ñ ü",
    "АБВГабвг ",
    "😀👨\u200d👩👧🇨🇳🏽",
    "\u3000\u00a0 \t\n\r \u2028",
    "0123４五½Ⅷ〇々⺀",
    "，。！？：“”<|>",
    "𠀀𠀁𪛖𫝀",
    "ひらがな한글\u0301\u0308",
)


@pytest.fixture(scope="module")
def trained(sentences: Sentences) -> str:
    return str(train_bpe([sentences(40, seed) for seed in range(10)], 600, 16, 18).to_str())


def assert_same(tokenizer_json: str, texts: Sequence[str], encoder: Encoder | None = None) -> None:
    library = load_tokenizer(tokenizer_json)
    encoded = (encoder or load_encoder(tokenizer_json, U16)).encode(pa.array(texts, pa.string()))
    assert encoded.offsets[0] == 0
    assert encoded.offsets[-1] == len(encoded.tokens)
    assert encoded.characters.tolist() == [len(text) for text in texts]
    for text, begin, end in zip(texts, encoded.offsets, encoded.offsets[1:], strict=False):
        assert [*library.encode(text, add_special_tokens=False).ids, 0] == encoded.tokens[begin:end].tolist()


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)),
            st.text(alphabet="".join(SCRIPTS), max_size=200),
            st.lists(st.sampled_from([*SPECIAL_TOKENS, "<|", "|>", "茶馆", " node", "。"]), max_size=40).map("".join),
            st.tuples(st.sampled_from("的a， \n1😀\u0301"), st.integers(1, 5000)).map(lambda run: run[0] * run[1]),
        ),
        max_size=5,
    )
)
def test_any_text(trained: str, texts: list[str]) -> None:
    assert_same(trained, texts)


@given(st.randoms(use_true_random=False), st.booleans())
def test_any_merges(chance: random.Random, disordered: bool) -> None:
    """Vocabularies that cut through characters, and merges in an order that no training gives."""
    alphabet = "".join(chance.sample(SCRIPTS, chance.randint(1, 5)))
    words = ["".join(chance.choices(alphabet, k=chance.randint(1, 6))) for _ in range(40)]
    learned = ["".join(chance.choices(words, k=100)) for _ in range(5)]
    han_run, longest = chance.choice([1, 2, 16, 64]), chance.choice([2, 3, 4, 6, 18])
    whole = json.loads(train_bpe(learned, chance.choice([270, 300, 400, 800]), han_run, longest).to_str())
    if disordered:
        chance.shuffle(whole["model"]["merges"])
    assert_same(json.dumps(whole), ["".join(chance.choices(words, k=chance.randint(0, 60))) for _ in range(20)])


def test_a_slice_of_a_column_and_an_empty_one(trained: str) -> None:
    encoder = load_encoder(trained, U16)
    column = pa.array(["河边的茶馆", "", "渡口", "东街市场"])
    assert encoder.encode(column.slice(1, 2)).tokens.tolist() == encoder.encode(pa.array(["", "渡口"])).tokens.tolist()
    for empty in (column.slice(2, 0), pa.array([], pa.string())):
        encoded = encoder.encode(empty)
        assert (encoded.tokens.tolist(), encoded.offsets.tolist(), encoded.characters.tolist()) == ([], [0], [])
    assert encoder.encode(pa.array(["", ""])).tokens.tolist() == [0, 0]


def test_a_large_vocabulary_has_wide_tokens(trained: str) -> None:
    encoded = load_encoder(trained, np.dtype(np.uint32)).encode(pa.array(["河边的茶馆"]))
    assert encoded.tokens.dtype == np.uint32
    assert encoded.tokens.tolist() == load_encoder(trained, U16).encode(pa.array(["河边的茶馆"])).tokens.tolist()


def without(whole: Any) -> None:
    whole["pre_tokenizer"] = None


def other_pieces(whole: Any) -> None:
    whole["pre_tokenizer"] = json.loads(pre_tokenizers.ByteLevel(add_prefix_space=False).__getstate__())


def another_pattern(whole: Any) -> None:
    whole["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] += "|x"


def a_normalizer(whole: Any) -> None:
    whole["normalizer"] = {"type": "NFKC"}


def plain_added_token(whole: Any) -> None:
    whole["added_tokens"].append({**whole["added_tokens"][0], "id": 600, "content": "茶馆", "special": False})


def ignored_merges(whole: Any) -> None:
    whole["model"]["ignore_merges"] = True


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without, "cuts text into other pieces"),
        (other_pieces, "cuts text into other pieces"),
        (another_pattern, "cuts text into other pieces"),
        (a_normalizer, "has a normalizer"),
        (plain_added_token, "added tokens that are not special"),
        (ignored_merges, "another ignore_merges"),
    ],
)
def test_another_form_is_left_to_the_library(
    trained: str, change: Callable[[Any], None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = json.loads(trained)
    change(whole)
    with caplog.at_level(logging.WARNING):
        encoder = load_encoder(json.dumps(whole), U16)
    assert isinstance(encoder, LibraryEncoder)
    [record] = caplog.records
    assert why in record.facts["why"]  # type: ignore[attr-defined]
    assert_same(json.dumps(whole), ["河边的茶馆，ＡＢＣ used 12 GB", "", "ﬁ <|endoftext|>"], encoder)


def test_a_model_that_is_not_bpe_is_left_to_the_library() -> None:
    from tokenizers.models import Unigram

    whole = Tokenizer(Unigram([("<unk>", 0.0), ("a", -1.0)], 0, False)).to_str()
    assert isinstance(load_encoder(whole, U16), LibraryEncoder)


def test_real_text(shared_data: Path) -> None:
    """Every document of the small collection, with a vocabulary learned from a part of it."""
    with gzip.open(shared_data / "corpus/zh_small.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    trained = str(train_bpe((text[:500] for text in texts), 8000, 16, 18).to_str())
    encoder = load_encoder(trained, U16)
    assert isinstance(encoder, KernelEncoder)
    assert_same(trained, texts, encoder)
