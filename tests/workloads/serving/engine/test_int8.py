"""8-bit weights: near to the full ones, and the same for a row in any company."""

import asyncio
from pathlib import Path

import pytest
import torch

from cluster.errors import UserError
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.cache import SlotCache
from workloads.serving.engine.decoder import HubDecoder, load_decoder
from workloads.serving.engine.int8 import quantized

CPU = torch.device("cpu")


@pytest.mark.parametrize("rows", [1, 2, 33])
def test_products_are_near_and_do_not_depend_on_the_company(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    weight, bias = torch.randn(40, 96, generator=generator), torch.randn(40, generator=generator)
    x = torch.randn(rows, 96, generator=generator) * torch.rand(rows, 1, generator=generator) * 9
    x[0, 3] = 500.0  # an outlier costs its own row alone
    with torch.inference_mode():
        run = quantized(weight, bias)
        found, expected = run(x), x @ weight.t() + bias
        for index in range(rows):
            assert torch.equal(run(x[index : index + 1])[0], found[index])
    error = (found - expected).norm(dim=1) / (expected - bias).norm(dim=1)
    assert float(error[0]) < 0.05
    assert all(float(each) < 0.015 for each in error[1:])


def test_a_row_of_zeros_gives_the_bias() -> None:
    with torch.inference_mode():
        found = quantized(torch.ones(3, 8), torch.tensor([1.0, 2.0, 3.0]))(torch.zeros(2, 8))
    assert found.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_both_decoders_are_near_the_full_model(tiny_folder: Path) -> None:
    decoders = [
        load_decoder(tiny_folder, CPU),
        load_decoder(tiny_folder, CPU, "int8"),
        HubDecoder(tiny_folder, {}, CPU, "int8"),
    ]
    tokens = torch.arange(3, 35).view(2, 16)
    positions = torch.arange(16).expand(2, 16)
    with torch.inference_mode():
        full, fused, hub = (
            decoder.logits(tokens, positions, torch.arange(32), cache, cache.window(0, positions, 16)).log_softmax(-1)
            for decoder, cache in ((decoder, SlotCache(2, 16, CPU, torch.float32)) for decoder in decoders)
        )
    assert float((full - fused).abs().mean()) < 0.1
    assert float((full - hub).abs().mean()) < 0.1
    assert not torch.equal(full, fused)


def test_an_engine_with_them_scores_alike(tiny_folder: Path) -> None:
    prompts = [tuple(range(3, 60)), tuple(range(90, 100))]
    found = []
    for weights in ("f32", "int8"):
        engine = load_engine("torch", tiny_folder, EngineSettings(slots=2, threads=1, weights=weights))
        found.append([score.logprob for row in asyncio.run(engine.score(prompts)) for score in row])
        engine.close()
    assert found[1] == pytest.approx(found[0], abs=1.0)
    assert sum(found[1]) == pytest.approx(sum(found[0]), rel=0.02)


def test_they_are_for_processors(tiny_folder: Path) -> None:
    with pytest.raises(UserError, match="int8 weights on cuda"):
        load_decoder(tiny_folder, torch.device("cuda"), "int8")
