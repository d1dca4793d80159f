"""Text and tokens: exact both ways, whole characters only."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import AutoTokenizer

from app.gateway.vocabulary import Vocabulary
from tests.workloads.serving.tiny_model import train_tokenizer

VOCABULARY = Vocabulary(train_tokenizer().to_str().encode())


@given(st.text(max_size=40))
def test_every_text_comes_back(text: str) -> None:
    tokens = VOCABULARY.encode(text, special=False)
    assert VOCABULARY.decode(tokens) == text.replace("<|endoftext|>", "")
    assert b"".join(map(VOCABULARY.token_bytes, tokens)).decode() == text


def test_an_emoji_of_byte_tokens_comes_out_whole() -> None:
    text = "好👩‍🌾的🎉"
    tokens = VOCABULARY.encode(text, special=False)
    stream = VOCABULARY.detokenizer()
    shown = [stream.feed(token) for token in tokens]
    assert len(tokens) > len(text)
    assert "".join(shown) == text
    assert not any("�" in piece for piece in shown)
    assert stream.finish() == ""


def test_bytes_that_never_become_a_character_are_replaced_not_lost() -> None:
    first, second, *_ = VOCABULARY.encode("🎉", special=False)
    after = VOCABULARY.encode("a", special=False)
    assert VOCABULARY.decode((first, second)) == "�"
    assert VOCABULARY.decode((first, *after)) == "�a"


@given(st.text(max_size=60))
def test_no_text_has_fewer_tokens_than_its_length_allows(text: str) -> None:
    assert VOCABULARY.fewest_tokens(len(text)) <= len(VOCABULARY.encode(text, special=False))
    assert VOCABULARY.fewest_tokens(len("<|endoftext|>")) == 1


def test_special_tokens_are_not_text() -> None:
    assert VOCABULARY.decode((0, *VOCABULARY.encode("桥", special=False), 2)) == "桥"
    assert VOCABULARY.token_bytes(2) == b"<|im_end|>"


def test_it_agrees_with_transformers(model_folder: Path) -> None:
    reference = AutoTokenizer.from_pretrained(model_folder)
    text = "春天，农人把秧苗插进水田。abc 123 🎉"
    assert list(VOCABULARY.encode(text, special=True)) == reference(text)["input_ids"]
    assert VOCABULARY.decode(tuple(reference(text)["input_ids"])) == reference.decode(reference(text)["input_ids"])


def test_a_tokenizer_that_is_not_byte_level_streams_too() -> None:
    tokenizer = Tokenizer(models.WordLevel({"▁a": 0, "b": 1, "▁桥": 2}, unk_token="b"))
    tokenizer.decoder = decoders.Metaspace()
    vocabulary = Vocabulary(tokenizer.to_str().encode())
    assert json.loads(tokenizer.to_str())["decoder"]["type"] == "Metaspace"
    assert vocabulary.decode((0, 1, 2)) == "ab 桥"
    assert vocabulary.token_bytes(1) == b"b"


@pytest.mark.parametrize("text", ["", "问：三加五等于几？\n答：八。\n"])
def test_tokens_of_a_known_text_join_to_it(text: str) -> None:
    assert b"".join(map(VOCABULARY.token_bytes, VOCABULARY.encode(text, special=False))) == text.encode()
