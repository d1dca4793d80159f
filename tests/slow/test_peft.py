"""Adapters that PEFT itself makes and saves: both decoders say of a text what PEFT says of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from cluster.artifacts import ArtifactStore
from tests.workloads.serving.tiny_adapter import as_asked
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.adapters import adapter_artifact
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Sampling
from workloads.serving.engine.decoder import HubDecoder, load_decoder
from workloads.serving.engine.torch_engine import TorchEngine

peft = pytest.importorskip("peft", reason="PEFT is not installed: pip install peft")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

TEXT = tuple((7 * place) % 300 + 3 for place in range(60))
EVERY = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SETTINGS: dict[str, dict[str, Any]] = {
    "usual": {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
    "every layer": {"r": 4, "lora_alpha": 32, "target_modules": EVERY},
    "rooted": {"r": 4, "lora_alpha": 8, "target_modules": EVERY, "use_rslora": True},
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": EVERY,
        "rank_pattern": {"layers.1.self_attn.q_proj": 2, "down_proj": 6},
        "alpha_pattern": {"down_proj": 24, "layers.0.mlp.gate_proj": 1},
    },
    "one layer": {"r": 2, "lora_alpha": 16, "target_modules": EVERY, "layers_to_transform": [1]},
}


@pytest.mark.parametrize("kind", ["fused", "hub"])
def test_the_engine_says_what_peft_says(tmp_path: Path, kind: str) -> None:
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    folder, store = write_model(tmp_path / "tiny"), ArtifactStore(str(tmp_path / "store"))
    model = commit_model(store, folder, "tiny")
    wanted, requests = [], []
    for number, (name, settings) in enumerate(SETTINGS.items()):
        torch.manual_seed(number)
        tuned = peft.get_peft_model(
            AutoModelForCausalLM.from_pretrained(folder),
            peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **settings),
        ).eval()
        tuned.save_pretrained(tmp_path / name)
        with torch.no_grad():
            said = tuned(torch.tensor([TEXT])).logits[0].log_softmax(-1)
        wanted.append([float(said[place, token]) for place, token in enumerate(TEXT[1:])])
        adapter = as_asked(adapter_artifact(tmp_path / name, model, store), name)
        requests.append(Request(name, TEXT, 1, Sampling(temperature=0, prompt_logprobs=0), adapter=adapter))
    found = asyncio.run(_ask(folder, kind, requests))
    for scores, expected in zip(found, wanted, strict=True):
        assert scores == pytest.approx(expected, abs=1e-3)
    assert max(abs(one - other) for one, other in zip(wanted[0], wanted[1], strict=True)) > 0.1


async def _ask(folder: Path, kind: str, requests: list[Request]) -> list[list[float]]:
    """The scores of each request's text, all in one batch."""
    device = torch.device("cpu")
    decoder = load_decoder(folder, device) if kind == "fused" else HubDecoder(folder, {}, device)
    engine = TorchEngine(folder, EngineSettings(slots=8, threads=1, prefill_tokens=512, adapter_mb=8), decoder)

    async def one(request: Request) -> list[float]:
        whole = Chunk()
        async for chunk in engine.generate(request):
            whole = whole.then(chunk)
        return [score.logprob for score in whole.prompt_scores]

    found = await asyncio.gather(*map(one, requests))
    engine.close()
    return found
