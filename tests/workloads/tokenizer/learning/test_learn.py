"""What is learned is what the tokenizers library's own trainer learns, to the last merge."""

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Split
from tokenizers.pre_tokenizers import Sequence as Steps
from tokenizers.trainers import BpeTrainer

from workloads.tokenizer.spec import SPECIAL_TOKENS
from workloads.tokenizer.train import piece_pattern, train_bpe

SCRIPTS = (
    "的一是不了在人有我他这中大来上国",
    "abcde  é ñ ü",
    "АБВГабвг ",
    "😀👨\u200d👩👧🇨🇳🏽",
    "\u3000\u00a0 \t\n\r \u2028",
    "0123４五½Ⅷ〇々⺀",
    "，。！？|<>endoftx_imsar",
    "𠀀𠀁𪛖𫝀",
    "aaaa",
)


def library_bpe(texts: Sequence[str], vocab_size: int, han_run: int, longest_token: int) -> Tokenizer:
    tokenizer = Tokenizer(BPE())
    pieces = Split(Regex(piece_pattern(han_run)), "isolated")
    tokenizer.pre_tokenizer = Steps([pieces, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(ByteLevel.alphabet()),
        max_token_length=longest_token,
        show_progress=False,
    )
    tokenizer.train_from_iterator(iter(texts), trainer=trainer)
    return tokenizer


@given(
    st.randoms(use_true_random=False),
    st.sampled_from([259, 260, 270, 300, 400, 1000]),
    st.sampled_from([1, 2, 16, 64]),
    st.sampled_from([1, 2, 3, 4, 6, 18, 64, 256]),
)
def test_any_text(chance: random.Random, vocab_size: int, han_run: int, longest: int) -> None:
    alphabet = "".join(chance.sample(SCRIPTS, chance.randint(1, 4)))
    words = ["".join(chance.choices(alphabet, k=chance.randint(1, 8))) for _ in range(chance.choice([3, 20, 60]))]
    words += [SPECIAL_TOKENS[0]] * chance.choice([0, 0, 3])
    texts = ["".join(chance.choices(words, k=chance.choice([1, 20, 200]))) for _ in range(chance.randint(0, 8))]
    ours, theirs = train_bpe(iter(texts), vocab_size, han_run, longest), library_bpe(texts, vocab_size, han_run, longest)
    assert ours.to_str() == theirs.to_str()


@pytest.mark.parametrize("longest", [6, 18, 64])
def test_sentences(sentences: Callable[[int, int], str], longest: int) -> None:
    texts = [sentences(60, seed) for seed in range(20)]
    assert train_bpe(texts, 2000, 16, longest).to_str() == library_bpe(texts, 2000, 16, longest).to_str()


def test_real_text(shared_data: Path) -> None:
    with gzip.open(shared_data / "corpus/zh_small.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"][:300] for line in lines]
    assert train_bpe(texts, 8000, 16, 18).to_str() == library_bpe(texts, 8000, 16, 18).to_str()
