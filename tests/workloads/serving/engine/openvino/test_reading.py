"""Vectors from the openvino engine: those of transformers' last states, in parts, beside answers, whatever is known already."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import ContextLengthError, RequestError, UnavailableError
from tests.workloads.serving.tiny_model import mean_states
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.openvino.paged import PagedModel, Piece
from workloads.serving.engine.openvino.reading import States

TEXTS = [tuple((5 * i + 13 * j) % 290 + 3 for j in range(length)) for i, length in enumerate((4, 1, 30, 11, 90, 4))]


@pytest.fixture
def engine(tiny_build: Path) -> Iterator[Engine]:
    loaded = load_engine("openvino", tiny_build, EngineSettings(slots=4, threads=1, prefill_tokens=32))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def expected(tiny_folder: Path) -> list[list[float]]:
    return mean_states(tiny_folder, TEXTS)


async def answer(engine: Engine) -> Chunk:
    whole = Chunk()
    async for chunk in engine.generate(Request("r", TEXTS[4], 20, Sampling(temperature=0))):
        whole = whole.then(chunk)
    return whole


def test_vectors_are_the_mean_of_the_last_states(engine: Engine, expected: list[list[float]]) -> None:
    """The longest is read in three parts; asked again, its beginning is in the cache, and its states are still all its own."""
    for _ in range(2):
        for found, wanted in zip(asyncio.run(engine.embed(TEXTS)), expected, strict=True):
            assert found == pytest.approx(wanted, abs=1e-5)
    assert engine.stats().prompt_tokens == 2 * sum(map(len, TEXTS))
    assert engine.stats().running == 0


def test_answers_go_on_meanwhile(engine: Engine, expected: list[list[float]]) -> None:
    async def both() -> tuple[Chunk, list[list[float]]]:
        return await asyncio.gather(answer(engine), engine.embed(TEXTS))

    told, vectors = asyncio.run(both())
    assert told.token_ids == asyncio.run(answer(engine)).token_ids
    assert np.array(vectors) == pytest.approx(np.array(expected), abs=1e-5)


def test_what_cannot_be_read_is_refused(engine: Engine) -> None:
    for tokens, error in (((5,) * 129, ContextLengthError), ((5, 320), RequestError), ((), RequestError)):
        with pytest.raises(error):
            asyncio.run(engine.embed([tokens]))


def test_a_failing_pass_is_told_and_the_next_text_is_read(
    engine: Engine, expected: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = PagedModel.give

    def fragile(model: PagedModel, pieces: Sequence[Piece]) -> None:
        if any(299 in piece.tokens for piece in pieces):
            raise RuntimeError("bad weights")
        healthy(model, pieces)

    monkeypatch.setattr(PagedModel, "give", fragile)
    with pytest.raises(RequestError, match="bad weights"):
        asyncio.run(engine.embed([(299, 4)]))
    assert asyncio.run(engine.embed([TEXTS[0]]))[0] == pytest.approx(expected[0], abs=1e-5)


def test_after_the_end_nothing_is_read(engine: Engine) -> None:
    async def ask() -> None:
        await engine.drain(0.0)
        await engine.embed(TEXTS)

    with pytest.raises(UnavailableError):
        asyncio.run(ask())


def test_no_length_is_no_division_by_zero() -> None:
    states = States()
    states.add(np.zeros((3, 4), np.float32))
    assert states.vector() == [0.0] * 4
