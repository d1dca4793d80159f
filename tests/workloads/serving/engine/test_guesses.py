"""Guesses come from the request's own words, and never change an answer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Grammar, Request, Sampling
from workloads.serving.engine.cache import Cache, Window
from workloads.serving.engine.decoder import Decoder, load_decoder
from workloads.serving.engine.guesses import Guesses
from workloads.serving.engine.torch_engine import TorchEngine

GREEDY = Sampling(temperature=0, logprobs=0)


def test_what_followed_the_last_three_tokens_is_guessed() -> None:
    guesses = Guesses([1, 2, 3, 4, 5, 9, 1, 2, 3])
    assert guesses.guess(2) == [4, 5]
    guesses.add([7, 1, 2, 3])
    assert guesses.guess(6) == [7, 1, 2, 3, 7, 1]
    guesses.add([8])
    assert guesses.guess(4) == []
    assert Guesses([1, 2]).guess(4) == []


def test_after_a_wrong_guess_it_is_silent_twice_as_long_each_time() -> None:
    guesses, silences = Guesses([1] * 10), []
    for _ in range(4):
        guesses.judge(0)
        silences.append(next(count for count in range(99) if guesses.guess(1)))
    assert silences == [1, 3, 7, 15]
    guesses.judge(2)
    assert guesses.guess(1) == [1]


class Rhythmic:
    """A decoder that says the same eight tokens again and again, but for every thirteenth position."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.vocabulary, self.max_context, self.parameters = decoder.vocabulary, decoder.max_context, decoder.parameters
        self.dtype, self.device = decoder.dtype, decoder.device

    def logits(self, tokens: Tensor, positions: Tensor, picks: Tensor, cache: Cache, window: Window) -> Tensor:
        places = positions.flatten()[picks]
        rhythm = torch.nn.functional.one_hot(50 + places % 8, self.vocabulary) * (places % 13 > 0)[:, None]
        return self._decoder.logits(tokens, positions, picks, cache, window) + 40 * rhythm

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        return self._decoder.hidden(tokens, positions, cache, window)


def load(folder: Path, guess_tokens: int) -> Engine:
    decoder = Rhythmic(load_decoder(folder, torch.device("cpu")))
    return TorchEngine(folder, EngineSettings(slots=4, threads=1, guess_tokens=guess_tokens), decoder)


@pytest.fixture
def engine(tiny_folder: Path) -> Iterator[Engine]:
    loaded = load(tiny_folder, 4)
    yield loaded
    loaded.close()


@pytest.fixture
def silent(tiny_folder: Path) -> Iterator[Engine]:
    loaded = load(tiny_folder, 0)
    yield loaded
    loaded.close()


async def whole(engine: Engine, request: Request) -> Chunk:
    answer = Chunk()
    async for chunk in engine.generate(request):
        answer = answer.then(chunk)
    return answer


def requests() -> list[Request]:
    turning = (9, 8, 7, 6) * 6
    grammar = Grammar("regex", "(天气){3,30}")
    return [
        Request("greedy", turning, 90, GREEDY),
        Request("sampled", turning, 90, Sampling(temperature=0.3, seed=5)),
        Request("stopped", turning, 90, GREEDY, stop_token_ids=frozenset(range(60, 320))),
        Request("held", turning, 90, Sampling(temperature=1.5, seed=2), grammar=grammar, stop_token_ids=frozenset({0})),
        Request("resumed", turning, 60, GREEDY, resume_tokens=(9, 8, 7)),
        Request("full", turning * 5, 900, GREEDY),
    ]


def test_answers_are_the_same_with_fewer_steps(engine: Engine, silent: Engine) -> None:
    for request in requests():
        before = silent.stats().steps, engine.stats().steps
        expected, found = (asyncio.run(whole(each, request)) for each in (silent, engine))
        assert (found.token_ids, found.finish) == (expected.token_ids, expected.finish), request.id
        assert [score.logprob for score in found.scores] == pytest.approx([s.logprob for s in expected.scores], abs=1e-4)
        assert engine.stats().steps - before[1] <= silent.stats().steps - before[0]
    stats = engine.stats()
    assert stats.confirmed_tokens > 50
    assert stats.generated_tokens == silent.stats().generated_tokens
    assert stats.steps < silent.stats().steps


def test_answers_beside_others_are_not_guessed(engine: Engine, silent: Engine) -> None:
    async def together(each: Engine) -> list[tuple[int, ...]]:
        return [answer.token_ids for answer in await asyncio.gather(*(whole(each, request) for request in requests()))]

    assert asyncio.run(together(engine)) == asyncio.run(together(silent))
