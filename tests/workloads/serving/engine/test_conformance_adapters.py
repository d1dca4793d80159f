"""What every engine does with adapters: each row of a batch has its own, equal to the merged model, or it says that it takes none."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from cluster.artifacts import ArtifactStore
from cluster.errors import ArtifactError, HanlinError, ModelNotFoundError, RequestError, UserError
from cluster.manifest import Work
from tests.workloads.serving.engine.test_conformance import GREEDY, PROMPTS, ask, built, generate_greedily, whole
from tests.workloads.serving.tiny_adapter import as_asked, write_adapter, write_merged
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.adapters import adapter_artifact
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Adapter, Chunk, Engine, EngineSettings

__all__ = ["built"]
TARGETS = {"all": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), "few": ("q_proj", "v_proj")}


@dataclass(frozen=True)
class Tuned:
    """An adapter as it is asked for, and what transformers says of the merged model."""

    adapter: Adapter | None
    reference: Any


@pytest.fixture(scope="module")
def tuned(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Tuned]:
    """The model alone and two adapters, of other ranks and layers."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("adapters")
    store = ArtifactStore(str(place / "store"))
    model = commit_model(store, tiny_folder, "tiny")
    found = [Tuned(None, AutoModelForCausalLM.from_pretrained(tiny_folder).eval())]
    for seed, (name, targets) in enumerate(TARGETS.items(), start=1):
        folder = write_adapter(place / name, tiny_folder, seed, rank=2 * seed, targets=targets)
        merged = write_merged(place / f"merged-{name}", tiny_folder, folder)
        adapter = as_asked(adapter_artifact(folder, model, store), name)
        found.append(Tuned(adapter, AutoModelForCausalLM.from_pretrained(merged).eval()))
    return found


@pytest.fixture
def engine(built: tuple[str, Path]) -> Iterator[Engine]:
    loaded = load_engine(*built, EngineSettings(slots=4, threads=1, prefill_tokens=32, adapter_mb=1))
    yield loaded
    loaded.close()


@pytest.fixture
def taking(engine: Engine) -> Engine:
    if not engine.capabilities.adapters:
        pytest.skip(f"the engine {engine.capabilities.engine} takes no adapters, and says so (tested below)")
    return engine


def test_rows_of_one_batch_have_their_own_adapters(taking: Engine, tuned: list[Tuned]) -> None:
    async def run() -> list[Chunk]:
        asked = [
            ask(prompt, 8 + 3 * index, name=f"r{index}-{number}", adapter=each.adapter)
            for index, prompt in enumerate(PROMPTS)
            for number, each in enumerate(tuned)
        ]
        return await asyncio.gather(*(whole(taking, request) for request in asked))

    answers = iter(asyncio.run(run()))
    for index, prompt in enumerate(PROMPTS):
        said = [next(answers).token_ids for _ in tuned]
        assert said == [generate_greedily(each.reference, prompt, 8 + 3 * index) for each in tuned]
        assert len(set(said)) == len(tuned)


def test_prompts_are_scored_with_the_adapter(taking: Engine, tuned: list[Tuned]) -> None:
    for each in tuned:
        sampling = type(GREEDY)(temperature=0, prompt_logprobs=0)
        answer = asyncio.run(whole(taking, ask(PROMPTS[3], 1, sampling, adapter=each.adapter)))
        with torch.no_grad():
            expected = each.reference(torch.tensor([PROMPTS[3]])).logits[0].log_softmax(-1)
        wanted = [float(expected[place, token]) for place, token in enumerate(PROMPTS[3][1:])]
        assert [score.logprob for score in answer.prompt_scores] == pytest.approx(wanted, abs=1e-3)


def test_what_was_read_for_one_adapter_is_not_used_for_another(taking: Engine, tuned: list[Tuned]) -> None:
    prompt = PROMPTS[3]
    for each in (*tuned, *tuned):
        answer = asyncio.run(whole(taking, ask(prompt, 12, adapter=each.adapter)))
        assert answer.token_ids == generate_greedily(each.reference, prompt, 12)
    assert taking.stats().reused_tokens == len(tuned) * ((len(prompt) - 1) // 16 * 16)


def test_an_engine_without_adapters_says_so(built: tuple[str, Path], tuned: list[Tuned]) -> None:
    engine = load_engine(*built, EngineSettings(slots=1, threads=1))
    with pytest.raises(RequestError, match=r"the adapter all, and the engine \w+ takes none here; .*serving.adapter_mb"):
        asyncio.run(whole(engine, ask(PROMPTS[0], adapter=tuned[1].adapter)))
    engine.close()


def test_a_gone_or_changed_adapter_ends_its_request_alone(taking: Engine, tuned: list[Tuned]) -> None:
    known = tuned[1].adapter
    assert known is not None
    broken: list[tuple[Adapter, type[HanlinError], str]] = [
        (Adapter("law", "0" * 64, known.uri.replace("/adapter/", "/adapter/gone")), ModelNotFoundError, "law is gone"),
        (
            Adapter("law", "0" * 64, known.uri),
            ArtifactError,
            "the adapter law is not what was published; an artifact never changes",
        ),
    ]
    for adapter, kind, says in broken:
        with pytest.raises(kind, match=says):
            asyncio.run(whole(taking, ask(PROMPTS[0], adapter=adapter)))
    answer = asyncio.run(whole(taking, ask(PROMPTS[0], adapter=known)))
    assert answer.token_ids == generate_greedily(tuned[1].reference, PROMPTS[0], 12)


def test_an_adapter_of_another_model_is_told_in_a_line(taking: Engine, tiny_folder: Path, tmp_path: Path) -> None:
    """As if it had been published without being looked at."""
    store = ArtifactStore(str(tmp_path / "store"))
    folder = write_adapter(tmp_path / "wide", tiny_folder)
    file = folder / "adapter_model.safetensors"
    save_file({name: torch.cat([each, each], dim=-1) for name, each in load_file(file).items()}, file)
    work = Work("adapter", {}, {}, 1)
    with store.draft(work) as draft:
        draft.upload(folder)
    adapter = as_asked(store.open("adapter", work.folder))
    with pytest.raises(UserError, match=r"the adapter law has lora_A \[4, \d+\].* for model.layers.0.*whose weight here is"):
        asyncio.run(whole(taking, ask(PROMPTS[0], adapter=adapter)))
    assert taking.alive
    assert asyncio.run(whole(taking, ask(PROMPTS[0]))).finish == "length"
