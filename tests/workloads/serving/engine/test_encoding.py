"""Texts of many callers share passes, and each gets what it would get alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import ContextLengthError, RequestError, UnavailableError
from tests.workloads.serving.test_torch_engine import POISON, Fragile
from tests.workloads.serving.tiny_model import mean_states
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.decoder import Decoder, HubDecoder, load_decoder
from workloads.serving.engine.encoding import Encodings, Task, choose
from workloads.serving.engine.torch_engine import TorchEngine

CPU = torch.device("cpu")
TEXTS = [tuple((5 * i + 13 * j) % 290 + 3 for j in range(length)) for i, length in enumerate((4, 1, 30, 11, 90, 4))]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40), st.integers(1, 300))
def test_a_pass_holds_the_oldest_and_fits(lengths: list[int], budget: int) -> None:
    chosen = choose(lengths, budget)
    assert chosen[0] == 0
    assert len(set(chosen)) == len(chosen)
    assert len(chosen) == 1 or max(lengths[index] for index in chosen) * len(chosen) <= budget


def test_a_pass_takes_what_is_nearest_in_length() -> None:
    assert choose([10, 100, 11, 9, 50], budget=33) == [0, 2, 3]


@pytest.fixture(params=[load_decoder, lambda folder, device: HubDecoder(folder, {}, device)], ids=["fused", "hub"])
def engine(request: pytest.FixtureRequest, tiny_folder: Path) -> Iterator[Engine]:
    decoder: Decoder = request.param(tiny_folder, CPU)
    loaded = TorchEngine(tiny_folder, EngineSettings(slots=2, threads=1, prefill_tokens=64), Fragile(decoder))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def expected(tiny_folder: Path) -> list[list[float]]:
    return mean_states(tiny_folder, TEXTS)


def test_embeddings_are_the_mean_of_the_last_states(engine: Engine, expected: list[list[float]]) -> None:
    async def run() -> list[list[list[float]]]:
        return await asyncio.gather(*(engine.embed([text]) for text in TEXTS), engine.embed(TEXTS))

    *alone, together = asyncio.run(run())
    for found, wanted, others in zip(alone, expected, together, strict=True):
        assert found[0] == pytest.approx(wanted, abs=1e-5)
        assert others == pytest.approx(wanted, abs=1e-5)
    assert engine.stats().prompt_tokens == 2 * sum(map(len, TEXTS))


def test_answers_go_on_meanwhile(engine: Engine) -> None:
    async def answer() -> Chunk:
        whole = Chunk()
        async for chunk in engine.generate(Request("r", (5, 6, 7), 20, Sampling(temperature=0))):
            whole = whole.then(chunk)
        return whole

    async def both() -> Chunk:
        return (await asyncio.gather(answer(), engine.embed(TEXTS)))[0]

    assert asyncio.run(both()).token_ids == asyncio.run(answer()).token_ids


def test_a_text_that_the_model_fails_on_fails_alone(engine: Engine, expected: list[list[float]]) -> None:
    with pytest.raises(RequestError, match="poisoned"):
        asyncio.run(engine.embed([(POISON, 4)]))
    assert asyncio.run(engine.embed([TEXTS[0]]))[0] == pytest.approx(expected[0], abs=1e-5)


def test_what_cannot_be_read_is_refused(engine: Engine) -> None:
    for tokens, error in (((5,) * 129, ContextLengthError), ((5, 320), RequestError), ((), RequestError)):
        with pytest.raises(error):
            asyncio.run(engine.embed([tokens]))


def test_what_this_model_has_no_head_for_is_refused(engine: Engine) -> None:
    with pytest.raises(RequestError, match="cannot do that"):
        asyncio.run(engine.fill_mask(TEXTS, 3, 5))
    with pytest.raises(RequestError, match="cannot do that"):
        asyncio.run(engine.classify(TEXTS))


def test_a_pass_is_of_one_task() -> None:
    passes: list[tuple[Task, int]] = []

    def encode(task: Task, texts: list[tuple[int, ...]]) -> list[int]:
        passes.append((task, len(texts)))
        return [len(text) for text in texts]

    async def run() -> list[list[int]]:
        encodings = Encodings(encode, 200)
        tasks = [Task("fill_mask", 3, 5), Task("embed"), Task("fill_mask", 3, 5), Task("fill_mask", 3, 1)]
        asked = [asyncio.create_task(encodings.ask(task, [(1, 2), (3,)], lambda work: work())) for task in tasks]
        await asyncio.sleep(0)
        while len(encodings):
            encodings.step()
        return await asyncio.gather(*asked)

    assert asyncio.run(run()) == [[2, 1]] * 4
    assert passes == [(Task("fill_mask", 3, 5), 4), (Task("embed"), 2), (Task("fill_mask", 3, 1), 2)]


def test_whoever_waits_when_the_engine_ends_is_told() -> None:
    async def run() -> None:
        encodings = Encodings(lambda task, texts: [len(text) for text in texts], 8)
        waiting = asyncio.create_task(encodings.ask(Task("embed"), TEXTS[:2], lambda work: work()))
        await asyncio.sleep(0)
        encodings.end()
        await waiting

    with pytest.raises(UnavailableError):
        asyncio.run(run())
