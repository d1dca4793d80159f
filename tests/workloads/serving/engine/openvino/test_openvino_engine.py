"""What is special to the openvino engine: prompts known already, prompts in parts, a failing graph, no torch."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import UserError
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.openvino.engine import OpenVinoEngine
from workloads.serving.engine.openvino.paged import PagedModel, Piece

PROMPT = tuple((13 * index) % 300 + 3 for index in range(80))
_SERVE_AND_LIST = """
import asyncio, sys
from pathlib import Path
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings, Request, Sampling
async def answer():
    engine = load_engine("openvino", Path(sys.argv[1]), EngineSettings(slots=2, threads=1))
    async for _ in engine.generate(Request("r", (5, 6, 7), 2, Sampling(temperature=0.7, top_p=0.9, logprobs=2))):
        pass
    engine.close()
asyncio.run(answer())
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "openvino_telemetry_backend"}))
print(sys.modules["openvino_telemetry"])
"""


@pytest.fixture
def engine(tiny_build: Path) -> Iterator[Engine]:
    loaded = load_engine("openvino", tiny_build, EngineSettings(slots=4, threads=1, prefill_tokens=32))
    yield loaded
    loaded.close()


async def whole(engine: Engine, name: str, prompt: Sequence[int] = PROMPT, new: int = 6, **more: Any) -> Chunk:
    answer = Chunk()
    sampling = Sampling(temperature=0, **more)
    async for chunk in engine.generate(Request(name, tuple(prompt), new, sampling)):
        answer = answer.then(chunk)
    return answer


def test_a_known_beginning_is_not_read_again_and_changes_nothing(engine: Engine) -> None:
    first = asyncio.run(whole(engine, "first"))
    read = engine.stats().prompt_tokens
    assert read == len(PROMPT)
    assert asyncio.run(whole(engine, "again")).token_ids == first.token_ids
    assert engine.stats().prompt_tokens - read == len(PROMPT) - 64
    other = asyncio.run(whole(engine, "other", (*PROMPT[:70], 9, 9)))
    assert other.token_ids != first.token_ids


def test_a_scored_prompt_is_read_whole_however_well_known(engine: Engine) -> None:
    asyncio.run(whole(engine, "first"))
    scored = asyncio.run(whole(engine, "scored", prompt_logprobs=0))
    assert [score.token_id for score in scored.prompt_scores] == list(PROMPT[1:])


def test_a_conversation_goes_on_from_what_was_answered(engine: Engine) -> None:
    """Blocks that an answer filled are known, too."""
    answer = asyncio.run(whole(engine, "turn", new=40))
    read = engine.stats().prompt_tokens
    asyncio.run(whole(engine, "next turn", (*PROMPT, *answer.token_ids)))
    assert engine.stats().prompt_tokens - read == len(PROMPT) + 40 - 96


def test_a_failing_pass_ends_its_requests_and_not_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = PagedModel.give

    def fragile(model: PagedModel, pieces: Sequence[Piece]) -> None:
        if any(299 in piece.tokens for piece in pieces):
            raise RuntimeError("bad weights")
        healthy(model, pieces)

    monkeypatch.setattr(PagedModel, "give", fragile)
    failed = asyncio.run(whole(engine, "bad", (5, 299, 6)))
    assert (failed.finish, failed.error) == ("error", "RuntimeError: bad weights")
    assert asyncio.run(whole(engine, "good")).finish == "length"
    assert (engine.stats().failed, engine.stats().finished) == (1, 1)


def test_a_folder_without_a_build_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(UserError, match="holds no engine build"):
        OpenVinoEngine(tiny_folder, EngineSettings())


def test_serving_imports_neither_torch_nor_telemetry(tiny_build: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SERVE_AND_LIST, str(tiny_build)], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["", "None"]
