"""The Qwen3 decoder written for serving: the same arithmetic as transformers' with a third of the operations, weights
packed for the processor, and read straight from safetensors without importing transformers.

For a small model the time of a step is the number of operations and the reading of weights; both are what is saved here
(figures in benchmarks/RESULTS.md). Tested equal to transformers. Not for other architectures: those go through
decoder.py's `HubDecoder`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from safetensors import safe_open
from torch import Tensor

from workloads.serving.engine.adapters.files import LowRank
from workloads.serving.engine.adapters.fused_sites import JoinedLayers, in_sites
from workloads.serving.engine.adapters.mixture import Loaded, Site
from workloads.serving.engine.base import PACK_BELOW, Weights
from workloads.serving.engine.cache import Cache, Window
from workloads.serving.engine.packing import Join, Linear, folded, linear_for, mapped


def can_fuse(config: dict[str, Any]) -> bool:
    """Whether a model's config.json describes exactly what this file computes."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return (
        config.get("architectures") == ["Qwen3ForCausalLM"]
        and not config.get("attention_bias")
        and config.get("hidden_act", "silu") == "silu"
        and rope.get("rope_type", "default") == "default"
        and set(config.get("layer_types") or ["full_attention"]) == {"full_attention"}
        and not config.get("use_sliding_window")
        and not config.get("quantization_config")
    )


@dataclass(frozen=True)
class _Layer:
    """One block; the norms before attention and before the MLP go with the weights that follow them, and are kept for adapters,
    which go with them as well."""

    qkv: Linear
    qk_norm: Tensor
    out: Linear
    gate_up: Linear
    down: Linear
    norms: tuple[Tensor, Tensor]


class FusedDecoder:
    """A Qwen3 model folder that `can_fuse` agreed to."""

    def __init__(
        self, folder: Path, config: dict[str, Any], device: torch.device, precision: Weights = "f32", share: bool = False
    ) -> None:
        self.device = device
        self.dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        self.vocabulary, self.max_context = int(config["vocab_size"]), int(config["max_position_embeddings"])
        self._heads, self._kv_heads = int(config["num_attention_heads"]), int(config["num_key_value_heads"])
        self._size = int(config.get("head_dim") or config["hidden_size"] // self._heads)
        self._middle, self._eps = int(config["intermediate_size"]), float(config["rms_norm_eps"])
        found = _read_weights(folder, device)
        as_they_are = all(weight.dtype == self.dtype for weight in found.values())
        weights = {name: weight.to(self.dtype) for name, weight in found.items()}
        self.parameters = sum(weight.numel() for weight in weights.values())
        large = self.parameters >= PACK_BELOW
        from_file = device.type == "cpu" and precision == "f32" and as_they_are and (share or large)
        join = mapped if from_file else folded(linear_for(device, precision, large))
        embedding, norm = weights["model.embed_tokens.weight"], weights["model.norm.weight"]
        self._embedding = embedding if from_file else embedding.clone()  # a tensor of the file keeps all of it in memory
        self._last_norm = norm.clone()
        self._head = join([weights.get("lm_head.weight", self._embedding)], self._last_norm)
        self._layers = [self._layer(weights, f"model.layers.{i}.", join) for i in range(int(config["num_hidden_layers"]))]
        self._cos, self._sin = self._rotations(config)

    def _layer(self, weights: dict[str, Tensor], at: str, join: Join) -> _Layer:
        def get(name: str) -> Tensor:
            return weights[f"{at}{name}.weight"]

        before, after = get("input_layernorm").clone(), get("post_attention_layernorm").clone()
        norms = [get("self_attn.q_norm").expand(self._heads, -1), get("self_attn.k_norm").expand(self._kv_heads, -1)]
        return _Layer(
            join([get(f"self_attn.{name}_proj") for name in "qkv"], before),
            torch.cat(norms),
            join([get("self_attn.o_proj")], None),
            join([get("mlp.gate_proj"), get("mlp.up_proj")], after),
            join([get("mlp.down_proj")], None),
            (before, after),
        )

    def adapt(self, layers: Mapping[str, LowRank]) -> Loaded:
        """An adapter in this decoder's form. Raises UnfitAdapterError for layers that it has not."""
        sites = {site: joined for index in range(len(self._layers)) for site, joined in self._sites(index).items()}
        return in_sites(sites, layers, self.device, self.dtype)

    def _sites(self, index: int) -> dict[Site, JoinedLayers]:
        """What adapters may change in a block."""
        at, hidden, width = f"model.layers.{index}.", self._embedding.shape[1], self._heads * self._size
        attention, keys, middle = f"{at}self_attn.", self._kv_heads * self._size, self._middle
        before, after = self._layers[index].norms
        qkv = {f"{attention}q_proj": width, f"{attention}k_proj": keys, f"{attention}v_proj": keys}
        return {
            (index, "qkv"): JoinedLayers(qkv, before),
            (index, "out"): JoinedLayers({f"{attention}o_proj": hidden}),
            (index, "gate_up"): JoinedLayers({f"{at}mlp.gate_proj": middle, f"{at}mlp.up_proj": middle}, after),
            (index, "down"): JoinedLayers({f"{at}mlp.down_proj": hidden}),
        }

    def _rotations(self, config: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines [max_context, 1, head size] of rotary position embedding (Su et al. 2021)."""
        theta = (config.get("rope_parameters") or {}).get("rope_theta") or config.get("rope_theta") or 10_000.0
        steps = torch.arange(0, self._size, 2, dtype=torch.float32, device=self.device) / self._size
        angles = torch.outer(torch.arange(self.max_context, dtype=torch.float32, device=self.device), theta**-steps)
        cos = angles.cos().repeat(1, 2)
        sin = torch.cat([-angles.sin(), angles.sin()], dim=-1)
        return cos.to(self.dtype)[:, None], sin.to(self.dtype)[:, None]

    def logits(self, tokens: Tensor, positions: Tensor, picks: Tensor, cache: Cache, window: Window) -> Tensor:
        x = self._through(tokens, positions, cache, window)
        if picks.shape[0] != x.shape[0]:
            x = x[picks]
        return self._head(self._norm(x))

    def hidden(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        return (self._norm(self._through(tokens, positions, cache, window)) * self._last_norm).view(*tokens.shape, -1)

    def _through(self, tokens: Tensor, positions: Tensor, cache: Cache, window: Window) -> Tensor:
        """All layers, [rows * width, hidden size], before the last norm."""
        width = tokens.shape[1]
        flat = positions.reshape(-1)
        x = F.embedding(tokens.reshape(-1), self._embedding)
        cos, sin = self._cos[flat], self._sin[flat]
        mask = window.mask if width == 1 else window.mask.repeat(1, 1, self._heads // self._kv_heads, 1)
        for index, layer in enumerate(self._layers):
            found = self._attend(index, layer, self._norm(x), cos, sin, mask, cache, window)
            x = x + _adapted(layer.out, found, window, (index, "out"))
            gate_up = _adapted(layer.gate_up, self._norm(x), window, (index, "gate_up"))
            between = F.silu(gate_up[:, : self._middle]).mul_(gate_up[:, self._middle :])
            x = x + _adapted(layer.down, between, window, (index, "down"))
        return x

    def _attend(
        self, index: int, layer: _Layer, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, cache: Cache, window: Window
    ) -> Tensor:
        """Attention of [rows * width, hidden] to the window. The query heads that share a key head are stacked as if they
        were further tokens, so keys and values are never repeated."""
        heads, kv_heads, size, rows = self._heads, self._kv_heads, self._size, window.rows
        group = heads // kv_heads
        mixed = _adapted(layer.qkv, x, window, (index, "qkv")).view(x.shape[0], heads + 2 * kv_heads, size)
        turned = mixed[:, : heads + kv_heads]
        turned = self._norm(turned) * layer.qk_norm
        turned = torch.addcmul(turned * cos, turned.roll(size // 2, -1), sin)
        keys, values = cache.write_flat(index, turned[:, heads:], mixed[:, heads + kv_heads :], window)
        query = turned[:, :heads]
        if x.shape[0] == rows:
            return _attend_once(query.reshape(rows, kv_heads, group, size), keys, values, mask).view(rows, heads * size)
        width = x.shape[0] // rows
        query = query.reshape(rows, width, kv_heads, group, size).permute(0, 2, 3, 1, 4).flatten(2, 3)
        found = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return found.view(rows, kv_heads, group, width, size).permute(0, 3, 1, 2, 4).reshape(rows * width, heads * size)

    def _norm(self, x: Tensor) -> Tensor:
        """Root-mean-square norm over the last dimension, without its weight."""
        if x.dtype == torch.float32:
            return x * x.square().mean(-1, keepdim=True).add_(self._eps).rsqrt_()
        wide = x.float()
        return (wide * wide.square().mean(-1, keepdim=True).add_(self._eps).rsqrt_()).to(x.dtype)


def _adapted(linear: Linear, x: Tensor, window: Window, site: Site) -> Tensor:
    """A product, and what the adapters of the window's rows change of it."""
    y = linear(x)
    if window.adapted is not None:
        window.adapted.add(site, x, y)
    return y


def _attend_once(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attention of one token of every row, query [rows, key heads, group, size], as two products of batches: torch's own kernel
    gives such narrow queries half the speed (measured with 2 threads)."""
    flat = query.flatten(0, 1)
    mask = mask.expand(-1, query.shape[1], -1, -1).reshape(flat.shape[0], 1, -1)
    scores = torch.baddbmm(mask, flat, keys.flatten(0, 1).transpose(1, 2), alpha=query.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(-1), values.flatten(0, 1))


def _read_weights(folder: Path, device: torch.device) -> dict[str, Tensor]:
    """On a processor the tensors are the mapped file itself."""
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt", device=str(device)) as opened:
            weights |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    return weights
