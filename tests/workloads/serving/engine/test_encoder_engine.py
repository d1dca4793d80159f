"""Encoders: what transformers computes of a text alone, for many at once; and a plain no where a head is missing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel

from cluster.errors import ContextLengthError, RequestError, UnavailableError, UserError
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Request

MASK = 4
TEXTS = [(2, 10, MASK, 12, 3), (2, MASK, 8, MASK, 40, 41, 3), (2, 9, 3), tuple(range(5, 60))]
FAMILIES = {"mask": BertForMaskedLM, "labels": BertForSequenceClassification, "bare": BertModel}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    config = BertConfig(
        vocab_size=80,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        id2label={0: "好", 1: "坏", 2: "平"},
    )
    torch.manual_seed(0)
    places = {name: tmp_path_factory.mktemp(name) for name in FAMILIES}
    for name, family in FAMILIES.items():
        family(config).save_pretrained(places[name])
    return places


@pytest.fixture(params=list(FAMILIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(folders: dict[str, Path], name: str) -> Iterator[Engine]:
    loaded = load_engine("torch", folders[name], EngineSettings(threads=1, prefill_tokens=64))
    yield loaded
    loaded.close()
    assert not loaded.alive


@pytest.fixture
def reference(folders: dict[str, Path], name: str) -> Any:
    return FAMILIES[name].from_pretrained(folders[name]).eval()


def test_vectors_are_the_mean_of_the_last_states(engine: Engine, reference: Any) -> None:
    found = asyncio.run(engine.embed(TEXTS))
    for text, vector in zip(TEXTS, found, strict=True):
        with torch.inference_mode():
            states = reference.base_model(torch.tensor([text])).last_hidden_state[0]
        expected = torch.nn.functional.normalize(states.mean(0), dim=0).tolist()
        assert vector == pytest.approx(expected, abs=1e-5)
    assert engine.stats().finished == len(TEXTS)


@pytest.mark.parametrize("name", ["mask"])
def test_masks_get_their_likeliest_tokens(engine: Engine, reference: Any) -> None:
    found = asyncio.run(engine.fill_mask(TEXTS, MASK, 3))
    assert [len(masks) for masks in found] == [1, 2, 0, 0]
    for text, masks in zip(TEXTS, found, strict=True):
        with torch.inference_mode():
            shares = reference(torch.tensor([text])).logits[0].softmax(-1)
        for place, best in zip([index for index, token in enumerate(text) if token == MASK], masks, strict=True):
            expected = shares[place].topk(3)
            assert [token for token, _ in best] == expected.indices.tolist()
            assert [share for _, share in best] == pytest.approx(expected.values.tolist(), abs=1e-5)


@pytest.mark.parametrize("name", ["labels"])
def test_labels_have_their_probabilities(engine: Engine, reference: Any) -> None:
    for text, labels in zip(TEXTS, asyncio.run(engine.classify(TEXTS)), strict=True):
        with torch.inference_mode():
            expected = reference(torch.tensor([text])).logits[0].softmax(-1).tolist()
        assert [label for label, _ in labels] == ["好", "坏", "平"]
        assert [share for _, share in labels] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["bare"])
def test_what_it_has_no_head_for_is_refused(engine: Engine) -> None:
    for work in (engine.fill_mask(TEXTS, MASK, 3), engine.classify(TEXTS), anext(engine.generate(Request("r", (5,), 3)))):
        with pytest.raises(RequestError):
            asyncio.run(work)  # type: ignore[arg-type]
    with pytest.raises(ContextLengthError):
        asyncio.run(engine.embed([(5,) * 65]))


@pytest.mark.parametrize("name", ["bare"])
def test_a_drain_waits_for_what_was_asked_and_takes_no_more(engine: Engine) -> None:
    async def run() -> list[list[float]]:
        asked = asyncio.create_task(engine.embed(TEXTS * 20))
        await asyncio.sleep(0)
        assert await engine.drain(60) == []
        return await asked

    assert len(asyncio.run(run())) == 20 * len(TEXTS)
    with pytest.raises(UnavailableError):
        asyncio.run(engine.embed(TEXTS))


def test_weights_that_cannot_be_read_are_told(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folders["mask"] / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_engine("torch", tmp_path, EngineSettings())
