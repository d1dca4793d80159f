"""What is special to the torch engine: a failing model, and prompts read in parts."""

import asyncio
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cluster.errors import UserError
from tests.workloads.serving.tiny_model import write_model
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.cache import Cache, SlotCache, Window
from workloads.serving.engine.decoder import Decoder, HubDecoder, load_decoder
from workloads.serving.engine.torch_engine import TorchEngine

POISON = 299
CPU = torch.device("cpu")


class Fragile:
    """A decoder that fails where it meets the poisoned token."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.vocabulary, self.max_context, self.parameters = decoder.vocabulary, decoder.max_context, decoder.parameters
        self.dtype, self.device = decoder.dtype, decoder.device

    def logits(self, tokens: Tensor, positions: Tensor, picks: Tensor, cache: Cache, window: Window) -> Tensor:
        if bool((tokens == POISON).any()):
            raise RuntimeError("poisoned")
        return self._decoder.logits(tokens, positions, picks, cache, window)

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        if bool((tokens == POISON).any()):
            raise RuntimeError("poisoned")
        return self._decoder.hidden(tokens, positions, cache, window)


async def whole(engine: Engine, request: Request) -> Chunk:
    answer = Chunk()
    async for chunk in engine.generate(request):
        answer = answer.then(chunk)
    return answer


def greedy(name: str, *tokens: int, new_tokens: int = 8) -> Request:
    return Request(name, tokens, new_tokens, Sampling(temperature=0))


def test_a_failing_step_fails_its_requests_and_not_the_engine(tiny_folder: Path) -> None:
    engine = TorchEngine(tiny_folder, EngineSettings(slots=4, threads=1), Fragile(load_decoder(tiny_folder, CPU)))

    async def run() -> tuple[Chunk, Chunk]:
        return await whole(engine, greedy("bad", POISON, 4)), await whole(engine, greedy("good", 5, 6))

    bad, good = asyncio.run(run())
    engine.close()
    assert bad.finish == "error"
    assert "poisoned" in bad.error
    assert good.finish == "length"
    assert engine.stats().failed == 1


@pytest.mark.parametrize("prefill_tokens", [16, 17, 512])
def test_a_prompt_read_in_parts_gives_the_same_answer(tiny_folder: Path, prefill_tokens: int) -> None:
    prompt = tuple(range(3, 100))
    engine = load_engine("torch", tiny_folder, EngineSettings(slots=2, threads=1, prefill_tokens=prefill_tokens))

    async def run() -> tuple[Chunk, Chunk]:
        other = asyncio.create_task(whole(engine, greedy("short", 9, 8, 7, new_tokens=30)))
        return await whole(engine, Request("long", prompt, 8, Sampling(temperature=0, prompt_logprobs=0))), await other

    long, short = asyncio.run(run())
    engine.close()
    whole_engine = load_engine("torch", tiny_folder, EngineSettings(slots=1, threads=1))
    expected = asyncio.run(whole(whole_engine, greedy("r", *prompt)))
    expected_short = asyncio.run(whole(whole_engine, greedy("r", 9, 8, 7, new_tokens=30)))
    whole_engine.close()
    assert long.token_ids == expected.token_ids
    assert len(long.prompt_scores) == len(prompt) - 1
    assert short.token_ids == expected_short.token_ids


@pytest.mark.parametrize("share", [False, True])
def test_both_decoders_compute_the_same(tiny_folder: Path, share: bool) -> None:
    """The decoder that this model gets, against transformers, over reading in parts and decoding side by side."""
    mine = load_decoder(tiny_folder, CPU, share=share)
    reference = HubDecoder(tiny_folder, {}, CPU)
    caches = [SlotCache(4, 64, CPU, torch.float32) for _ in range(2)]
    generator = torch.Generator().manual_seed(3)
    for first, rows, start, width in ((0, 3, 0, 7), (1, 1, 7, 5), (3, 1, 0, 9), (0, 1, 7, 1), (0, 2, 8, 1)):
        tokens = torch.randint(3, 300, (rows, width), generator=generator)
        positions = (start + torch.arange(width)).expand(rows, width)
        picks = torch.arange(rows * width)
        with torch.inference_mode():
            found, expected = (
                decoder.logits(tokens, positions, picks, cache, cache.window(first, positions, start + width))
                for decoder, cache in zip((mine, reference), caches, strict=True)
            )
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_shared_weights_are_the_mapped_file_and_not_a_copy(tmp_path: Path) -> None:
    """Every page of the matrices belongs to the file, after they have been used."""
    if not Path("/proc/self/smaps").exists():
        pytest.skip("the system does not tell pages apart")
    folder = write_model(tmp_path, width=1024)
    decoder = load_decoder(folder, CPU, share=True)
    positions = torch.arange(4).expand(2, 4)
    cache = SlotCache(2, 8, CPU, torch.float32)
    with torch.inference_mode():
        decoder.logits(positions + 5, positions, torch.arange(8), cache, cache.window(0, positions, 4))
    file = folder / "model.safetensors"
    pages = [part for part in Path("/proc/self/smaps").read_text().split("VmFlags") if str(file) in part]
    sizes = {
        name: sum(int(line.split()[1]) for part in pages for line in part.splitlines() if line.startswith(f"{name}:"))
        for name in ("Rss", "Anonymous")
    }
    assert sizes["Rss"] > 0.8 * file.stat().st_size / 1024
    assert sizes["Anonymous"] == 0


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no readable config"):
        load_engine("torch", tmp_path, EngineSettings())
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds no weights"):
        load_engine("torch", tmp_path, EngineSettings())
    with pytest.raises(UserError, match="one of torch"):
        load_engine("gpt", tmp_path, EngineSettings())
