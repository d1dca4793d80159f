"""Continuations at fixed seeds, and the measure of repetition."""

import pytest
import torch
from transformers import Qwen3ForCausalLM

from workloads.evaluation.samples import Sampling, continue_prompts, repetition

PROMPTS = [[0, 7, 8], [0], [0, 99, 5, 4, 3, 2]]


def _sampling(temperature: float, seed: int = 3, stop: frozenset[int] = frozenset()) -> Sampling:
    return Sampling(tokens=10, temperature=temperature, seed=seed, stop_tokens=stop, pad_token=0)


def test_the_likeliest_tokens_are_those_of_generate(network: Qwen3ForCausalLM) -> None:
    for prompt, written in zip(PROMPTS, continue_prompts(network, PROMPTS, _sampling(0)), strict=True):
        made = network.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt)),
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert written == made[0, len(prompt) :].tolist()


def test_a_seed_gives_the_same_text_whatever_else_is_written(network: Qwen3ForCausalLM) -> None:
    together = continue_prompts(network, PROMPTS, _sampling(1.0))
    assert together == continue_prompts(network, PROMPTS, _sampling(1.0))
    alone = [continue_prompts(network, [prompt], _sampling(1.0, seed=3 + i))[0] for i, prompt in enumerate(PROMPTS)]
    assert together == alone
    assert together != continue_prompts(network, PROMPTS, _sampling(1.0, seed=4))


def test_a_stop_token_ends_one_sample_and_not_the_others(network: Qwen3ForCausalLM) -> None:
    whole = continue_prompts(network, PROMPTS, _sampling(1.0))
    stop = whole[0][4]
    told: list[int] = []
    written = continue_prompts(network, PROMPTS, _sampling(1.0, stop=frozenset({stop})), told.append)
    for mine, free in zip(written, whole, strict=True):
        assert mine == (free[: free.index(stop)] if stop in free else free)
    assert told == list(range(1, len(told) + 1))


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 0.0), ("春天", 0.0), ("春天种稻子", 0.0), ("春" * 13, 0.9), ("种稻子。种稻子。", 1 / 5), ("abcdabcdabcd", 5 / 9)],
)
def test_repetition_is_the_share_of_sequences_seen_before(text: str, share: float) -> None:
    assert repetition(text) == pytest.approx(share)
