"""Both decoders, in 32 and in 8 bits, say with an adapter what the merged model says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.workloads.serving.tiny_adapter import write_adapter, write_merged
from workloads.serving.engine.adapters.files import LowRank, linear_shapes, read_adapter
from workloads.serving.engine.adapters.mixture import Mixer
from workloads.serving.engine.adapters.unfit import UnfitAdapterError
from workloads.serving.engine.base import Weights
from workloads.serving.engine.cache import SlotCache
from workloads.serving.engine.decoder import Decoder, HubDecoder, load_decoder

CPU = torch.device("cpu")
ROWS, WIDTH = 3, 9


def load(kind: str, folder: Path, weights: Weights) -> Decoder:
    return load_decoder(folder, CPU, weights) if kind == "fused" else HubDecoder(folder, {}, CPU, weights)


def say(decoder: Decoder, adapters: list[dict[str, LowRank] | None]) -> Tensor:
    """Logits [rows, width, vocabulary] of as many rows as there are adapters, each with its own."""
    tokens = (torch.arange(ROWS * WIDTH).view(ROWS, WIDTH) * 7 % 300 + 3)[: len(adapters)]
    positions = torch.arange(WIDTH).expand(tokens.shape)
    cache = SlotCache(ROWS, 16, CPU, torch.float32)
    rows = [None if each is None else decoder.adapt(each) for each in adapters]
    window = cache.window(0, positions, WIDTH)
    window = replace(window, adapted=Mixer().adapted(rows, rows, WIDTH, CPU))
    with torch.inference_mode():
        logits = decoder.logits(tokens, positions, torch.arange(tokens.numel()), cache, window)
    return logits.view(*tokens.shape, -1)


@pytest.mark.parametrize("kind", ["fused", "hub"])
@pytest.mark.parametrize("weights", ["f32", "int8"])
def test_a_row_with_an_adapter_is_the_merged_model(tiny_folder: Path, tmp_path: Path, kind: str, weights: Weights) -> None:
    folders = [write_adapter(tmp_path / f"a{seed}", tiny_folder, seed, rank=seed) for seed in (1, 5)]
    one, other = (read_adapter(folder, linear_shapes(tiny_folder)) for folder in folders)
    decoder = load(kind, tiny_folder, weights)
    merged = [
        load(kind, write_merged(tmp_path / f"m{index}", tiny_folder, each), weights) for index, each in enumerate(folders)
    ]
    found = say(decoder, [one, None, other]).log_softmax(-1)
    wanted = [say(merged[0], [None])[0], say(decoder, [None, None])[1], say(merged[1], [None, None, None])[2]]
    error = (found - torch.stack(wanted).log_softmax(-1)).abs()
    assert float(error.max()) < (1e-4 if weights == "f32" else 1.5)
    assert float(error.mean()) < (1e-4 if weights == "f32" else 0.15)  # 8 bits round the merged weights otherwise


@pytest.mark.parametrize("kind", ["fused", "hub"])
def test_a_layer_that_cannot_be_changed_is_told(tiny_folder: Path, kind: str) -> None:
    decoder = load(kind, tiny_folder, "f32")
    change = LowRank(torch.zeros(1, 32), torch.zeros(1, 32))
    for name in ("model.layers.0.input_layernorm", "model.layers.5.self_attn.q_proj"):
        with pytest.raises(UnfitAdapterError, match=name):
            decoder.adapt({name: change})
