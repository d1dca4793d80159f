"""Every token scored exactly once, given what stands before it, whatever the batch; checked against one pass per token."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen3ForCausalLM

from workloads.evaluation import score
from workloads.evaluation.score import Scoring, document_bits
from workloads.evaluation.windows import windows

CONTEXT, STRIDE = 16, 6


@given(
    tokens=st.integers(0, 300),
    context=st.integers(2, 40),
    stride=st.integers(1, 40),
)
def test_windows_score_each_token_once_with_the_context_there_is(tokens: int, context: int, stride: int) -> None:
    stride = min(stride, context)
    scored: list[int] = []
    for window in windows(7, tokens, context, stride):
        assert window.document == 7
        assert 1 <= window.scored <= window.length <= context
        assert window.start >= 0
        assert window.start + window.length <= tokens
        for token in range(window.first_scored, window.start + window.length):
            scored.append(token)
            assert token - window.start >= min(token, context - stride)  # inputs before it, beside its predecessor
    assert scored == list(range(tokens))


def _one_by_one(model: Qwen3ForCausalLM, tokens: list[int]) -> float:
    """Bits of a document, one forward pass per token over exactly the inputs its window has."""
    total = 0.0
    for window in windows(0, len(tokens), CONTEXT, STRIDE):
        for token in range(window.first_scored, window.start + window.length):
            inputs = [0, *tokens][window.start : token + 1]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([inputs])).logits[0, -1].double()
            total -= float(torch.log_softmax(logits, dim=-1)[tokens[token]]) / math.log(2)
    return total


@pytest.fixture(scope="module")
def documents(network: Qwen3ForCausalLM) -> list[list[int]]:
    rng = random.Random(1)
    lengths = [1, 2, 15, 16, 17, 22, 23, 40, 0, 5]
    return [[rng.randrange(network.config.vocab_size) for _ in range(length)] for length in lengths]


@pytest.fixture(scope="module")
def expected(network: Qwen3ForCausalLM, documents: list[list[int]]) -> np.ndarray:
    return np.array([_one_by_one(network, tokens) for tokens in documents])


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_bits_equal_one_pass_per_token(
    network: Qwen3ForCausalLM, documents: list[list[int]], expected: np.ndarray, batch: int
) -> None:
    told: list[int] = []
    bits = document_bits(network, documents, Scoring(0, CONTEXT, STRIDE, batch), told.append)
    np.testing.assert_allclose(bits, expected, rtol=1e-5)
    assert bits[8] == 0
    assert told[-1] == sum(map(len, documents))
    assert told == sorted(told)


def test_memory_is_bounded_by_smaller_batches(
    network: Qwen3ForCausalLM, documents: list[list[int]], expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forward = network.forward

    def watched(**inputs: torch.Tensor) -> object:
        sizes.append(inputs["input_ids"].numel() * network.config.vocab_size)
        return forward(**inputs)

    limit = 2 * CONTEXT * network.config.vocab_size
    monkeypatch.setattr(score, "_LOGITS_AT_ONCE", limit)
    monkeypatch.setattr(network, "forward", watched)
    np.testing.assert_allclose(document_bits(network, documents, Scoring(0, CONTEXT, STRIDE, 64)), expected, rtol=1e-5)
    assert max(sizes) <= limit
    assert len(sizes) > 4


def test_the_first_token_is_given_the_begin_token(network: Qwen3ForCausalLM) -> None:
    with torch.no_grad():
        given_zero = torch.log_softmax(network(input_ids=torch.tensor([[0]])).logits[0, -1].double(), dim=-1)
    bits = document_bits(network, [[9], [200]], Scoring(0, CONTEXT, STRIDE, 8))
    np.testing.assert_allclose(bits, [-given_zero[9] / math.log(2), -given_zero[200] / math.log(2)], rtol=1e-5)
