"""The engine around a vLLM that is stood in for: what comes is told, what fails is told apart."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cluster.errors import RequestError
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Sampling
from workloads.serving.engine.vllm import engine as engine_module
from workloads.serving.engine.vllm.engine import VllmEngine

Step = list[int] | Exception


class Llm:
    """Says the steps of its script to every request; `dies` with an exception there."""

    model_config = SimpleNamespace(get_vocab_size=lambda: 320)
    vllm_config = SimpleNamespace(device_config=SimpleNamespace(device_type="cpu"))

    def __init__(self, script: list[Step], dies: bool) -> None:
        self._script, self._dies = script, dies
        self.errored = self.stopped = False

    async def generate(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        for number, step in enumerate(self._script, start=1):
            if isinstance(step, Exception):
                self.errored = self._dies
                raise step
            finish = "length" if number == len(self._script) else None
            said = SimpleNamespace(token_ids=step, logprobs=None, finish_reason=finish)
            yield SimpleNamespace(outputs=[said], prompt_logprobs=None)

    def shutdown(self) -> None:
        self.stopped = True


Start = Callable[..., tuple[VllmEngine, Llm]]


@pytest.fixture
def start(vllm_names: None, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    started: list[VllmEngine] = []

    def load(*script: Step, dies: bool = False) -> tuple[VllmEngine, Llm]:
        llm, module = Llm(list(script), dies), ModuleType("vllm.v1.engine.async_llm")
        module.__dict__["AsyncLLM"] = SimpleNamespace(from_engine_args=lambda *_, **__: llm)
        monkeypatch.setitem(sys.modules, "vllm.v1.engine", ModuleType("vllm.v1.engine"))
        monkeypatch.setitem(sys.modules, "vllm.v1.engine.async_llm", module)
        monkeypatch.setattr(engine_module, "engine_arguments", lambda *_: None)
        started.append(VllmEngine(tiny_folder, EngineSettings(slots=4)))
        return started[-1], llm

    yield load
    for each in started:
        each.close()


def answer_of(engine: VllmEngine) -> Chunk:
    async def ask() -> Chunk:
        answer = Chunk()
        async for chunk in engine.generate(Request("r", (5, 6, 7), 12, Sampling(temperature=0))):
            answer = answer.then(chunk)
        return answer

    return asyncio.run(ask())


def test_what_vllm_says_is_told_and_counted(start: Start) -> None:
    engine, _ = start([11, 12], [13])
    answer = answer_of(engine)
    assert (answer.token_ids, answer.finish) == ((11, 12, 13), "length")
    stats = engine.stats()
    assert (stats.finished, stats.generated_tokens, stats.running) == (1, 3, 0)
    assert (engine.capabilities.engine, engine.capabilities.vocabulary, engine.capabilities.device) == ("vllm", 320, "cpu")
    assert engine.capabilities.parameters > 0


def test_a_request_that_fails_is_told_why_and_leaves_the_engine(start: Start) -> None:
    engine, _ = start([11], ValueError("no such thing"))
    answer = answer_of(engine)
    assert (answer.token_ids, answer.finish, answer.error) == ((11,), "error", "ValueError: no such thing")
    assert engine.alive
    assert engine.stats().failed == 1


def test_where_vllm_has_died_no_reason_is_given_so_that_another_replica_goes_on(start: Start) -> None:
    engine, _ = start([11], RuntimeError("the engine is dead"), dies=True)
    answer = answer_of(engine)
    assert (answer.token_ids, answer.finish, answer.error) == ((11,), "error", "")
    assert not engine.alive


def test_closing_stops_vllm_once(start: Start) -> None:
    engine, llm = start([11])
    engine.close()
    engine.close()
    assert llm.stopped
    assert not engine.alive


def test_it_makes_no_vectors(start: Start) -> None:
    engine, _ = start([11])
    with pytest.raises(RequestError, match="the engine vllm does not make; serve this model with the engine torch"):
        asyncio.run(engine.embed([(5, 6)]))
