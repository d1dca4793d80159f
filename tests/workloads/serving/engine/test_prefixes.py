"""What was read before is found by its tokens alone, is what was kept, and takes no more room than it may."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.cache import SlotCache
from workloads.serving.engine.prefixes import BLOCK, Prefixes

CPU = torch.device("cpu")
GREEDY = Sampling(temperature=0)
CONTEXT = 4 * BLOCK
BLOCK_BYTES = 2 * BLOCK * 4  # one layer, one head of size one, keys and values in f32
PIECES = [tuple(range(100 * i, 100 * i + BLOCK)) for i in range(3)]
PROMPT = tuple(i % 300 + 3 for i in range(50))


class Shelf:
    """A cache of two rows in which a token's key is the token itself, and the prefixes over it."""

    def __init__(self, blocks: int) -> None:
        self.cache = SlotCache(2, CONTEXT, CPU, torch.float32)
        self.write((0,) * BLOCK)
        self.prefixes = Prefixes(self.cache, blocks * BLOCK_BYTES)

    def write(self, tokens: tuple[int, ...], row: int = 0) -> None:
        window = self.cache.window(row, torch.arange(len(tokens))[None], len(tokens))
        flat = torch.tensor(tokens).view(-1, 1, 1).float()
        self.cache.write_flat(0, flat, -flat, window)

    def keep(self, tokens: tuple[int, ...]) -> None:
        self.write(tokens)
        self.prefixes.keep(tokens, 0)

    def restore(self, tokens: tuple[int, ...]) -> int:
        self.write((0,) * CONTEXT, row=1)
        found = self.prefixes.restore(tokens, 1)
        keys, values = self.cache.views(1, 0, found)
        assert keys.flatten().tolist() == [-value for value in values.flatten().tolist()] == list(tokens[:found])
        return found


def test_the_longest_known_beginning_is_put_back() -> None:
    shelf = Shelf(blocks=8)
    shelf.keep(PIECES[0] + PIECES[1] + (7, 8))
    assert shelf.restore(PIECES[0] + PIECES[1] + PIECES[2]) == 2 * BLOCK
    assert shelf.restore(PIECES[0] + PIECES[2]) == BLOCK
    assert shelf.restore(PIECES[1]) == 0
    assert shelf.restore(PIECES[0][:-1]) == 0


def test_what_was_used_longest_ago_makes_room_and_no_beginning_goes_before_what_follows_it() -> None:
    shelf = Shelf(blocks=3)
    shelf.keep(PIECES[0] + PIECES[1])
    shelf.keep(PIECES[2])
    assert shelf.restore(PIECES[0]) == BLOCK
    shelf.keep(PIECES[1])
    assert shelf.restore(PIECES[0] + PIECES[1]) == BLOCK
    assert shelf.restore(PIECES[2]) == BLOCK
    assert len(shelf.prefixes) == 3


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 4),
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 2), max_size=4), st.integers(0, BLOCK - 1)), max_size=25),
)
def test_nothing_else_is_ever_found_and_the_limit_holds(blocks: int, steps: list[tuple[bool, list[int], int]]) -> None:
    shelf, kept = Shelf(blocks), {()}
    for keep, pieces, cut in steps:
        tokens = sum((PIECES[i] for i in pieces), ())
        tokens = tokens[: max(0, len(tokens) - cut)]
        if keep:
            shelf.keep(tokens)
            kept |= {tokens[:end] for end in range(BLOCK, len(tokens) + 1, BLOCK)}
            assert shelf.restore(tokens) >= min(len(tokens) // BLOCK, blocks) * BLOCK
        else:
            assert tokens[: shelf.restore(tokens)] in kept
        assert len(shelf.prefixes) <= blocks


@pytest.fixture
def engine(tiny_folder: Path) -> Iterator[Engine]:
    loaded = load_engine("torch", tiny_folder, EngineSettings(slots=4, threads=1, prefill_tokens=64))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def forgetful(tiny_folder: Path) -> Iterator[Engine]:
    loaded = load_engine("torch", tiny_folder, EngineSettings(slots=4, threads=1, prefill_tokens=64, prefix_mb=0))
    yield loaded
    loaded.close()


def answers(engine: Engine, prompts: list[tuple[int, ...]], sampling: Sampling = GREEDY) -> list[Chunk]:
    async def one(index: int, prompt: tuple[int, ...]) -> Chunk:
        answer = Chunk()
        async for chunk in engine.generate(Request(f"r{index}", prompt, 20, sampling)):
            answer = answer.then(chunk)
        return answer

    async def run() -> list[Chunk]:
        return await asyncio.gather(*(one(index, prompt) for index, prompt in enumerate(prompts)))

    return asyncio.run(run())


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, seed=3)])
def test_answers_are_the_same_with_and_without(engine: Engine, forgetful: Engine, sampling: Sampling) -> None:
    prompts = [PROMPT + (5 + i,) * (1 + 7 * i) for i in range(6)] + [PROMPT, PROMPT[:32], PROMPT[:33]]
    expected = [answer.token_ids for answer in answers(forgetful, prompts, sampling)]
    for _ in range(2):
        assert [answer.token_ids for answer in answers(engine, prompts, sampling)] == expected
    assert forgetful.stats().reused_tokens == 0
    assert engine.stats().reused_tokens > 10 * 32
    total = engine.stats().reused_tokens + engine.stats().prompt_tokens
    assert total == 2 * sum(map(len, prompts))


def test_prompts_that_come_together_share_what_the_first_has_read(engine: Engine) -> None:
    answers(engine, [(*PROMPT, 9, i) for i in range(4)])
    assert engine.stats().reused_tokens == 3 * 48


def test_the_next_question_goes_on_from_the_answer(engine: Engine, forgetful: Engine) -> None:
    (first,) = answers(engine, [PROMPT])
    following = PROMPT + first.token_ids + (8, 9)
    assert answers(engine, [following])[0].token_ids == answers(forgetful, [following])[0].token_ids
    assert engine.stats().reused_tokens == 64


def test_a_prompt_to_be_scored_is_read_whole(engine: Engine) -> None:
    answers(engine, [PROMPT])
    (scored,) = answers(engine, [PROMPT], Sampling(temperature=0, prompt_logprobs=0))
    assert len(scored.prompt_scores) == len(PROMPT) - 1
    assert engine.stats().reused_tokens == 0
