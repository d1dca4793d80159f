"""What every engine must do, whatever computes it. A new engine joins by its name in `ENGINES`, with its folder in `built`."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from cluster.errors import ContextLengthError, RequestError, UnavailableError
from tests.workloads.serving.tiny_model import CONTEXT
from workloads.serving.engine import ENGINES, load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.vllm.runtime import available as vllm_here

GREEDY = Sampling(temperature=0)
PROMPTS = [tuple((7 * i + 11 * j) % 300 + 3 for j in range(length)) for i, length in enumerate((5, 1, 17, 40, 3, 29))]
SLOW_TO_LOAD = ("vllm",)
Scenario = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(params=list(ENGINES))
def built(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """An engine's name and the folder it loads: the model's own, or what is built from it, in 32 bits so as to be compared."""
    if request.param == "vllm" and not vllm_here():
        pytest.skip("vLLM is not in this environment; tests/slow/test_vllm.py runs this suite where it is")
    folders = {"openvino": "tiny_build", "vllm": "wide_folder"}
    folder: Path = request.getfixturevalue(folders.get(request.param, "tiny_folder"))
    return request.param, folder


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, Engine]]:
    """An engine that takes long to load, by name, for the next test."""
    engines: dict[str, Engine] = {}
    yield engines
    for each in engines.values():
        each.close()


@pytest.fixture
def engine(built: tuple[str, Path], kept: dict[str, Engine]) -> Iterator[Engine]:
    name, _ = built
    loaded = kept.pop(name, None) or load_engine(*built, EngineSettings(slots=4, threads=1, prefill_tokens=32))
    yield loaded
    if name in SLOW_TO_LOAD and takes_more(loaded):
        kept[name] = loaded
    else:
        loaded.close()


@pytest.fixture
def reference(built: tuple[str, Path], tiny_folder: Path) -> Any:
    """The same model in transformers."""
    name, folder = built
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(folder if name == "vllm" else tiny_folder).eval()


def ask(prompt: tuple[int, ...], new_tokens: int = 12, sampling: Sampling = GREEDY, name: str = "r", **more: Any) -> Request:
    return Request(name, prompt, new_tokens, sampling, **more)


async def whole(engine: Engine, request: Request) -> Chunk:
    """All chunks of an answer as one."""
    answer = Chunk()
    async for chunk in engine.generate(request):
        answer = answer.then(chunk)
    return answer


def takes_more(engine: Engine) -> bool:
    try:
        return asyncio.run(whole(engine, ask(PROMPTS[1], 1))).finish == "length"
    except UnavailableError:
        return False


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to get there; the test's own time limit ends what never comes."""
    while not condition():
        await asyncio.sleep(0.001)


def generate_greedily(model: Any, prompt: tuple[int, ...], new_tokens: int) -> tuple[int, ...]:
    ids = torch.tensor([prompt])
    options = {"do_sample": False, "max_new_tokens": new_tokens, "eos_token_id": None, "stop_strings": None}
    found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return tuple(found[0, len(prompt) :].tolist())


def test_greedy_equals_transformers_while_others_join_and_leave(engine: Engine, reference: Any) -> None:
    begun = engine.stats().steps

    async def run() -> list[Chunk]:
        async def one(index: int, prompt: tuple[int, ...]) -> Chunk:
            await until(lambda: engine.stats().steps >= begun + 3 * index)
            return await whole(engine, ask(prompt, 6 + 4 * index, name=f"r{index}"))

        return await asyncio.gather(*(one(i, prompt) for i, prompt in enumerate(PROMPTS)))

    for index, (prompt, answer) in enumerate(zip(PROMPTS, asyncio.run(run()), strict=True)):
        assert answer.token_ids == generate_greedily(reference, prompt, 6 + 4 * index)
        assert answer.finish == "length"


def test_more_requests_than_slots_all_end(engine: Engine, reference: Any) -> None:
    async def run() -> list[Chunk]:
        return await asyncio.gather(*(whole(engine, ask(PROMPTS[i % 6], name=f"r{i}")) for i in range(20)))

    expected = [generate_greedily(reference, prompt, 12) for prompt in PROMPTS]
    assert [answer.token_ids for answer in asyncio.run(run())] == [expected[index % 6] for index in range(20)]


def test_a_seed_repeats_its_answer_in_any_company(engine: Engine) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.9, seed=42)

    async def alone() -> Chunk:
        return await whole(engine, ask(PROMPTS[0], 30, sampling))

    async def in_company() -> Chunk:
        others = [whole(engine, ask(p, 20, Sampling(seed=i), f"o{i}")) for i, p in enumerate(PROMPTS)]
        return (await asyncio.gather(*others, whole(engine, ask(PROMPTS[0], 30, sampling))))[-1]

    first, second = asyncio.run(alone()), asyncio.run(in_company())
    assert first.token_ids == second.token_ids
    other = asyncio.run(whole(engine, ask(PROMPTS[0], 30, Sampling(temperature=1.0, top_p=0.9, seed=43))))
    assert other.token_ids != first.token_ids


def test_a_stop_token_ends_the_answer_and_is_not_part_of_it(engine: Engine, reference: Any) -> None:
    expected = generate_greedily(reference, PROMPTS[2], 12)
    stop = expected[5]
    answer = asyncio.run(whole(engine, ask(PROMPTS[2], stop_token_ids=frozenset({stop}))))
    assert answer.token_ids == expected[: expected.index(stop)]
    assert answer.finish == "stop"


def test_the_context_is_filled_to_the_last_token(engine: Engine) -> None:
    prompt = PROMPTS[3] * 3
    answer = asyncio.run(whole(engine, ask(prompt, 1000)))
    assert len(prompt) + len(answer.token_ids) == CONTEXT
    assert answer.finish == "length"


def test_what_cannot_be_run_is_refused_before_it_starts(engine: Engine) -> None:
    async def refused(request: Request) -> None:
        await whole(engine, request)

    with pytest.raises(ContextLengthError, match="prompt has 128 tokens"):
        asyncio.run(refused(ask((5,) * CONTEXT)))
    with pytest.raises(RequestError, match="token id 320"):
        asyncio.run(refused(ask((5, 320))))
    with pytest.raises(RequestError, match="no tokens"):
        asyncio.run(refused(ask(())))


@pytest.fixture
def cancelled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set it once a request is cancelled: the engine waits for that at its 20th step, lest it be done before. One that steps in
    another process hears of it long before it is done."""
    event, steps, step = threading.Event(), itertools.count(1), getattr(engine, "_step", None)
    if step is None:
        return event

    def wait_and_step() -> None:
        if next(steps) == 20:
            event.wait(60)
        step()

    monkeypatch.setattr(engine, "_step", wait_and_step)
    return event


def test_cancelling_frees_the_slot_and_leaves_the_others(engine: Engine, reference: Any, cancelled: threading.Event) -> None:
    begun = engine.stats().cancelled

    async def run() -> tuple[Chunk, Chunk]:
        async def cancel() -> Chunk:
            answer = Chunk()
            async for chunk in engine.generate(ask(PROMPTS[0], 100, name="gone")):
                answer = answer.then(chunk)
                if len(answer.token_ids) >= 2 and not cancelled.is_set():
                    engine.cancel("gone")
                    cancelled.set()
            return answer

        both = await asyncio.gather(cancel(), whole(engine, ask(PROMPTS[3], 60, name="stays")))
        await until(lambda: engine.stats().running == 0)
        return both

    gone, stays = asyncio.run(run())
    assert gone.finish == "cancelled"
    assert stays.token_ids == generate_greedily(reference, PROMPTS[3], 60)
    assert engine.stats().cancelled == begun + 1


def test_leaving_a_stream_cancels_it(engine: Engine, cancelled: threading.Event) -> None:
    begun = engine.stats().cancelled

    async def run() -> None:
        stream = engine.generate(ask(PROMPTS[0], 100))
        await anext(stream)
        await stream.aclose()
        cancelled.set()
        await until(lambda: engine.stats().running == 0)

    asyncio.run(run())
    assert engine.stats().cancelled == begun + 1


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=0.9, top_p=0.95, seed=5)])
def test_resumed_tokens_are_continued_exactly(engine: Engine, sampling: Sampling) -> None:
    full = asyncio.run(whole(engine, ask(PROMPTS[1], 20, sampling)))
    rest = asyncio.run(whole(engine, ask(PROMPTS[1], 20, sampling, resume_tokens=full.token_ids[:8])))
    assert full.token_ids[8:] == rest.token_ids


def test_logprobs_are_those_of_the_model(engine: Engine, reference: Any) -> None:
    sampling = Sampling(temperature=0, logprobs=3, prompt_logprobs=2)
    answer = asyncio.run(whole(engine, ask(PROMPTS[2], 4, sampling)))
    with torch.no_grad():
        logits = reference(torch.tensor([PROMPTS[2] + answer.token_ids])).logits[0]
    expected = logits.log_softmax(-1)
    start = len(PROMPTS[2])
    assert [score.token_id for score in answer.prompt_scores] == list(PROMPTS[2][1:])
    for place, score in enumerate((*answer.prompt_scores, *answer.scores), start=1):
        row = expected[place - 1]
        assert score.logprob == pytest.approx(float(row[score.token_id]), abs=1e-4)
        best = row.topk(3 if place >= start else 2)
        assert [token for token, _ in score.top] == best.indices.tolist()
        assert [value for _, value in score.top] == pytest.approx(best.values.tolist(), abs=1e-4)


def test_a_batch_is_scored_as_the_model_does(engine: Engine, reference: Any) -> None:
    scores = asyncio.run(engine.score(PROMPTS))
    for prompt, row in zip(PROMPTS, scores, strict=True):
        with torch.no_grad():
            expected = reference(torch.tensor([prompt])).logits[0].log_softmax(-1)
        wanted = [float(expected[i, token]) for i, token in enumerate(prompt[1:])]
        assert [score.logprob for score in row] == pytest.approx(wanted, abs=1e-4)


def test_an_expired_deadline_ends_the_request(engine: Engine) -> None:
    answer = asyncio.run(whole(engine, ask(PROMPTS[0], 100, deadline=time.time() - 1)))
    assert answer.finish == "deadline"
    assert answer.token_ids == ()


def test_a_drain_says_what_is_unfinished_and_takes_no_more(engine: Engine, reference: Any) -> None:
    begun = engine.stats().generated_tokens

    async def run() -> tuple[list[Any], Chunk]:
        answer = asyncio.create_task(whole(engine, ask(PROMPTS[0], 100, name="long")))
        await until(lambda: engine.stats().generated_tokens > begun + 3)
        left = await engine.drain(0)
        return left, await answer

    left, answer = asyncio.run(run())
    assert [each.id for each in left] == ["long"]
    assert answer.finish == "drained"
    assert left[0].token_ids == answer.token_ids
    assert answer.token_ids == generate_greedily(reference, PROMPTS[0], len(answer.token_ids))
    with pytest.raises(UnavailableError):
        asyncio.run(whole(engine, ask(PROMPTS[0])))


def test_a_drain_waits_for_those_on_the_way(engine: Engine) -> None:
    begun = engine.stats().steps

    async def run() -> tuple[list[Any], Chunk]:
        answer = asyncio.create_task(whole(engine, ask(PROMPTS[0], 20)))
        await until(lambda: engine.stats().steps > begun)
        return await engine.drain(60), await answer

    left, answer = asyncio.run(run())
    assert left == []
    assert len(answer.token_ids) == 20


def test_the_smaller_priority_is_admitted_first(engine: Engine) -> None:
    async def run() -> list[str]:
        order: list[str] = []

        async def one(name: str, priority: int, tokens: int) -> None:
            await whole(engine, ask(PROMPTS[0], tokens, name=name, priority=priority))
            order.append(name)

        running = [asyncio.create_task(one(f"first{i}", 0, 60)) for i in range(4)]
        await until(lambda: engine.stats().running == 4)
        late = [asyncio.create_task(one("low", 5, 1)), asyncio.create_task(one("high", -1, 1))]
        await asyncio.gather(*running, *late)
        return [name for name in order if not name.startswith("first")]

    assert asyncio.run(run()) == ["high", "low"]


def test_closing_ends_what_is_on_the_way(built: tuple[str, Path]) -> None:
    engine = load_engine(*built, EngineSettings(slots=2, threads=1))

    async def run() -> Chunk:
        answer = asyncio.create_task(whole(engine, ask(PROMPTS[0], 100)))
        await until(lambda: engine.stats().generated_tokens > 1)
        await asyncio.to_thread(engine.close)
        return await answer

    assert asyncio.run(run()).finish == "cancelled"
    assert not engine.alive
