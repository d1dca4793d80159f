"""The tokenizer writes any text and reads it back, cuts pieces as promised, and its beginnings are tokenizers too."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import Split

from workloads.tokenizer.spec import SMALLEST_VOCABULARY, SPECIAL_TOKENS
from workloads.tokenizer.train import cut_vocabulary, load_tokenizer, piece_pattern, train_bpe

Sentences = Callable[[int, int], str]


@pytest.fixture(scope="module")
def tokenizer(sentences: Sentences) -> Tokenizer:
    return train_bpe([sentences(40, seed) for seed in range(10)], vocab_size=400, han_run=16, longest_token=18)


def pieces(text: str, han_run: int = 16) -> list[str]:
    return [piece for piece, _ in Split(Regex(piece_pattern(han_run)), "isolated").pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("河边的茶馆，开了", ["河边的茶馆", "，", "开了"]),
        ("GPU服务器有128台", ["GPU", "服务器有", "1", "2", "8", "台"]),
        ("the café na\u0308ive", ["the", " café", " na\u0308ive"]),
        ("他说：“好。”\n\n下一段", ["他说", "：“", "好", "。”", "\n\n", "下一段"]),
        ("if x:\n    return", ["if", " x", ":", "\n", "   ", " return"]),
        ("臺灣 ひらがな한글", ["臺灣", " ひらがな한글"]),
        ("第〇章々", ["第〇章々"]),
        ("３斤 ½", ["３", "斤", " ", "½"]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_a_long_run_is_cut_and_nothing_is_lost() -> None:
    for text in ("汉" * 100, "a" * 1000, "=" * 100, " " * 100, "\n" * 50):
        assert "".join(pieces(text)) == text
        assert max(map(len, pieces(text))) <= 64
    assert pieces("汉" * 5, han_run=2) == ["汉汉", "汉汉", "汉"]


text_of_any_kind = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)),
    st.text(alphabet="臺灣繁體字，。！？ \n\t\r\u3000\u00a0\u200b0123４５六abcＡ😀👨\u200d👩\u200d👧🇨🇳\ufeff\x00"),
    st.lists(st.sampled_from([*SPECIAL_TOKENS, "<|", "|>", "问：", "\n答："])).map("".join),
)


@given(text_of_any_kind)
def test_any_text_comes_back_exactly(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


@given(text_of_any_kind)
def test_no_document_can_write_a_special_token(tokenizer: Tokenizer, text: str) -> None:
    plain = load_tokenizer(tokenizer.to_str())
    ids = plain.encode(text, add_special_tokens=False).ids
    assert not set(ids) & {0, 1, 2}
    assert plain.decode(ids, skip_special_tokens=False) == text


def test_ids_are_special_tokens_then_bytes_then_merges(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2]
    assert all(len(tokenizer.id_to_token(number)) == 1 for number in range(3, SMALLEST_VOCABULARY))
    assert tokenizer.get_vocab_size() == 400


def test_words_of_several_characters_are_learned(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("河边的茶馆").ids
    assert len(ids) < 5


def test_no_token_is_longer_than_asked() -> None:
    """Otherwise a narrow corpus gives tokens of whole sentences, which no prompt would be cut into."""
    text = ["每天在山坡上照看蜜蜂", "configuration"] * 50
    found = {}
    for longest in (6, 12, 18, 64):
        trained = train_bpe(text, 1000, 16, longest)
        found[longest] = max(len(token) for token in trained.get_vocab() if token not in SPECIAL_TOKENS)
    assert all(found[longest] <= longest for longest in (6, 12, 18))
    assert found[64] == len("每天在山坡上照看蜜蜂".encode())


def test_the_same_text_gives_the_same_tokenizer(sentences: Sentences, tokenizer: Tokenizer) -> None:
    again = train_bpe([sentences(40, seed) for seed in range(10)], vocab_size=400, han_run=16, longest_token=18)
    assert again.to_str() == tokenizer.to_str()


@pytest.mark.parametrize("size", [SMALLEST_VOCABULARY, 260, 333, 399, 400, 10_000])
def test_a_cut_vocabulary_is_what_training_with_that_size_gives(sentences: Sentences, tokenizer: Tokenizer, size: int) -> None:
    trained = train_bpe([sentences(40, seed) for seed in range(10)], vocab_size=min(size, 400), han_run=16, longest_token=18)
    cut = cut_vocabulary(tokenizer, size)
    assert json.loads(cut.to_str()) == json.loads(trained.to_str())


def test_a_vocabulary_without_all_bytes_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="258"):
        cut_vocabulary(tokenizer, SMALLEST_VOCABULARY - 1)
