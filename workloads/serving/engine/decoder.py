"""A Hugging Face decoder as a function of tokens, positions and the slot cache. Any causal language model that takes a
cache and whose layers all attend to everything before.

Not for scheduling or sampling (torch_engine.py).
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from cluster.errors import UserError
from workloads.models.cache import cache_name
from workloads.serving.engine.adapters.files import LowRank
from workloads.serving.engine.adapters.linears import AdaptableLinears
from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.base import Weights
from workloads.serving.engine.cache import Cache, Window
from workloads.serving.engine.int8 import quantize_linears

_LOG = logging.getLogger(__name__)


class Decoder(Protocol):
    """Logits for chosen tokens, writing the keys and values of all of them into the cache."""

    vocabulary: int
    max_context: int
    parameters: int
    dtype: torch.dtype
    device: torch.device

    def logits(self, tokens: Tensor, positions: Tensor, picks: Tensor, cache: Cache, window: Window) -> Tensor:
        """Logits [picks, vocabulary] for tokens and positions [rows, width]; `picks` are flat indices into them."""

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        """The last layer's states after the last norm, [rows, width, hidden size]."""

    def adapt(self, layers: Mapping[str, LowRank]) -> Loaded:
        """An adapter in this decoder's form, for windows to bring. Raises UnfitAdapterError for layers that it cannot change."""


def load_decoder(folder: Path, device: torch.device, weights: Weights = "f32", share: bool = False) -> Decoder:
    """The fastest decoder that this model has here; with `share` one that takes the weights from the mapped file as they are, if it can.
    Reads safetensors only.

    Raises UserError where the folder holds no model that can be served, or not with these weights.
    """
    if weights == "int8" and device.type != "cpu":
        raise UserError(f"int8 weights on {device.type}", "int8 on a processor", "set serving.weights to f32")
    from workloads.serving.engine.fused import FusedDecoder, can_fuse

    config = read_config(folder)
    if can_fuse(config):
        return FusedDecoder(folder, config, device, weights, share)
    _LOG.info("decoder_generic architectures=%s", config.get("architectures"))
    return HubDecoder(folder, config, device, weights)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder with weights. Raises UserError where there is none."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} holds no readable config.json ({error})", "a Hugging Face model folder", "check the path"
        ) from error
    if not sorted(folder.glob("*.safetensors")):
        raise UserError(f"{folder} holds no weights", "*.safetensors", "export the model with safetensors")
    return dict(config)


class _CacheView:
    """What a transformers model needs of a cache, over a window of ours."""

    is_compileable = False

    def __init__(self, cache: Cache, window: Window) -> None:
        self._cache, self._window = cache, window

    def update(self, key: Tensor, value: Tensor, layer_idx: int, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        return self._cache.write(layer_idx, key, value, self._window)

    def get_seq_length(self, *_: object) -> int:
        return self._window.length


class HubDecoder:
    """Through `transformers` itself: the reference for every other decoder."""

    def __init__(self, folder: Path, config: dict[str, Any], device: torch.device, weights: Weights = "f32") -> None:
        from transformers import AutoModelForCausalLM

        if "sliding_attention" in (config.get("layer_types") or []):
            raise UserError(
                f"the model in {folder} has layers with a sliding window",
                "layers that attend to everything before",
                "serve another model",
            )
        self.dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        self.device = device
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=self.dtype, use_safetensors=True, local_files_only=True, attn_implementation="sdpa"
        )
        self._model = model.to(device).eval()
        self._cache_name = cache_name(model)
        text = model.config.get_text_config()
        self.vocabulary, self.max_context = int(text.vocab_size), int(text.max_position_embeddings)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        if weights == "int8":
            quantize_linears(self._model)
        self._linears = AdaptableLinears(self._model)

    def adapt(self, layers: Mapping[str, LowRank]) -> Loaded:
        return self._linears.adapt(layers, self.device, self.dtype)

    def logits(self, tokens: Tensor, positions: Tensor, picks: Tensor, cache: Cache, window: Window) -> Tensor:
        width = tokens.shape[1]
        rows, columns = picks // width, picks % width
        kept: Tensor = columns.unique()  # type: ignore[no-untyped-call]
        output = self._run(self._model, tokens, positions, cache, window, logits_to_keep=kept)
        logits: Tensor = output.logits
        return logits[rows, torch.searchsorted(kept, columns)]

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        states: Tensor = self._run(self._model.base_model, tokens, positions, cache, window).last_hidden_state
        return states

    def _run(self, model: Any, tokens: Tensor, positions: Tensor, cache: Cache, window: Window, **more: Any) -> Any:
        self._linears.adapted = window.adapted
        return model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=window.mask,
            **{self._cache_name: _CacheView(cache, window)},
            use_cache=True,
            **more,
        )
