"""What a copy of a model takes in memory: arithmetic on its config and files before anything is loaded, for Ray to place it by.

Every slot is counted as full, since requests may fill them. What replicas were seen to take: docs/serving-plan.md. Not for measuring
(cluster/observe/footprint.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.artifacts import Artifact
from cluster.errors import ResourceError
from cluster.room import Room
from workloads.serving.engine.base import PACK_BELOW
from workloads.serving.spec import ServingSpec

_PROCESS = {"torch": 300 << 20, "openvino": 180 << 20, "vllm": 1400 << 20}
"""Bytes of a replica's processes that are their own, without a model: Ray, Serve and the engine's libraries."""

_BUILD_BYTES = {"f32": 4.0, "bf16": 2.0, "int8": 1.1, "int4": 0.7}
"""Per parameter, as openvino arranges them."""

_CACHED_NUMBER = 4  # bytes; openvino keeps 2 on processors that compute in bfloat16, which the replica's need not be

_LEAST = 500 << 20  # of a model that says nothing of itself; an actor that asks for nothing lands on the head and dies with it


@dataclass(frozen=True)
class Appetite:
    """Of one copy, in bytes: `standing` whatever is asked, and `token` for each that its cache holds."""

    standing: int
    token: int
    slots: int
    context: int

    @property
    def most(self) -> int:
        return self.standing + self.slots * self.context * self.token


def appetite_of(spec: ServingSpec, model: Artifact, openvino: bool) -> Appetite:
    """Of a copy of this model, which runs a build for openvino or is read by torch or vllm."""
    if not model.entries("config.json"):
        return Appetite(_LEAST, 0, spec.slots, 0)
    config = json.loads(model.read("config.json"))
    own = int(config.get("max_position_embeddings") or 0)
    context = min(spec.max_context or own, own)
    on_processor = not spec.gpus_per_replica
    parameters = sum(entry.size for entry in model.entries() if entry.path.endswith(".safetensors")) // _number_bytes(config)
    if openvino:
        standing = _PROCESS["openvino"] + int(_BUILD_BYTES[spec.weights] * parameters) + _embedding(config) * 2
        return Appetite(standing, token_bytes(config, _CACHED_NUMBER), spec.slots, context)
    of_vllm = spec.engine == "vllm"
    weights = (4 * parameters if of_vllm else _torch_bytes(spec, config, parameters)) if on_processor else 0
    standing = _PROCESS["vllm" if of_vllm else "torch"] + weights + (spec.prefix_mb << 20)
    return Appetite(standing, token_bytes(config, _CACHED_NUMBER) if on_processor else 0, spec.slots, context)


def token_bytes(config: Mapping[str, Any], number_bytes: int) -> int:
    """Keys and values of one token in a decoder's cache, whose numbers have so many bytes; 0 for a model that keeps none."""
    if "ForCausalLM" not in (config.get("architectures") or [""])[0]:
        return 0
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return int(2 * config["num_hidden_layers"] * heads * size * number_bytes)


def require_memory(room: Room, spec: ServingSpec, need: Appetite) -> None:
    """Refuse copies that no machine of the cluster could ever hold for want of memory, with what would fit. Raises ResourceError."""
    others = {"CPU": spec.cpus_per_replica, "GPU": spec.gpus_per_replica}
    count = max(1, spec.replicas)

    def fits(each: Appetite) -> bool:
        return room.fits_ever(others | {"memory": memory_of(spec, each)}) >= count

    if fits(need) or room.fits_ever(others) < count:
        return
    found = [
        _largest(f"serving.slots={{}} (of {need.context:,} tokens)", need.slots, lambda n: fits(replace(need, slots=n))),
        _largest(f"serving.max_context={{}} (in {need.slots} slots)", need.context, lambda n: fits(replace(need, context=n))),
    ]
    would = " or ".join(each for each in found if each)
    raise ResourceError(
        f"{count} x {_gb(need.most)} for a copy with {need.slots} slots of {need.context:,} tokens, {_gb(need.standing)} of it without any",
        f"the largest machine offers {_gb(max((each.get('memory', 0.0) for each in room.total), default=0.0))}",
        f"--set {would} would fit" if would else "serve fewer bits (serving.weights) or fewer copies, or add larger machines",
    )


def memory_of(spec: ServingSpec, need: Appetite) -> int:
    """Bytes that Ray holds for a copy."""
    return need.most if spec.memory_mb is None else spec.memory_mb << 20


def _largest(text: str, below: int, fits: Callable[[int], bool]) -> str:
    """The greatest half, quarter, ... of a number that fits; empty where none does."""
    while below > 1:
        below //= 2
        if fits(below):
            return text.format(below)
    return ""


def _torch_bytes(spec: ServingSpec, config: Mapping[str, Any], parameters: int) -> int:
    """As engine/fused.py keeps weights: mapped from the file and so nobody's own, or packed, twice below a size."""
    if spec.weights in ("int8", "int4"):
        return parameters + 4 * _embedding(config)
    if _number_bytes(config) == 4 and (spec.share_weights or parameters >= PACK_BELOW):
        return 0
    return 4 * (2 if parameters < PACK_BELOW else 1) * parameters + 4 * _embedding(config)


def _embedding(config: Mapping[str, Any]) -> int:
    """Numbers of the input embedding, which is kept beside the output layer's own arrangement."""
    return int(config.get("vocab_size", 0)) * int(config.get("hidden_size", 0))


def _number_bytes(config: Mapping[str, Any]) -> int:
    return 2 if str(config.get("dtype") or config.get("torch_dtype")) in ("bfloat16", "float16") else 4


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
