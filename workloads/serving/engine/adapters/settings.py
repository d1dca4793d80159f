"""adapter_config.json as PEFT writes it: how strong each layer's change is, and a refusal of all that is computed otherwise.

Not for the weights (files.py).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.serving.engine.adapters.unfit import UnfitAdapterError

FILE = "adapter_config.json"
_WITHOUT_EFFECT = {
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
}
"""Of PEFT 0.21: they decide how an adapter is trained, or say what its weights show anyway."""
_READ = {"peft_type", "lora_alpha", "alpha_pattern", "use_rslora", "init_lora_weights", "bias"}
_PLAIN_BEGINNINGS = (None, True, False, "gaussian", "orthogonal", "eva")
"""Of `init_lora_weights`: the others change the base model too, so that the adapter alone is not the whole change."""


@dataclass(frozen=True)
class Strength:
    """`alpha`, for layers whose names end with a pattern another; divided by the rank, or its root (`rooted`, rsLoRA)."""

    alpha: float
    patterns: Mapping[str, float]
    rooted: bool

    def of(self, layer: str, rank: int) -> float:
        """The factor of a layer's change."""
        named = (alpha for pattern, alpha in self.patterns.items() if re.match(rf"(.*\.)?({pattern})$", layer))
        return next(named, self.alpha) / (math.sqrt(rank) if self.rooted else rank)


def read_strength(folder: Path) -> Strength:
    """Raises UnfitAdapterError for a folder without a readable file, and for settings that are computed in another way."""
    try:
        settings: dict[str, Any] = dict(json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        reason = type(error).__name__ if isinstance(error, OSError) else str(error)
        raise UnfitAdapterError(f"has no readable {FILE} ({reason})", "what PEFT's save_pretrained writes") from error
    if odd := _computed_otherwise(settings):
        raise UnfitAdapterError(f"sets {', '.join(odd)}", "plain LoRA of linear layers", "train it without, or merge it")
    try:
        patterns = {str(pattern): float(alpha) for pattern, alpha in (settings.get("alpha_pattern") or {}).items()}
        for pattern in patterns:
            re.compile(pattern)
        return Strength(float(settings["lora_alpha"]), patterns, bool(settings.get("use_rslora")))
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise UnfitAdapterError(f"has no usable lora_alpha or alpha_pattern in {FILE} ({error})", "numbers") from error


def _computed_otherwise(settings: Mapping[str, Any]) -> list[str]:
    odd = sorted(key for key, value in settings.items() if value and key not in _WITHOUT_EFFECT | _READ)
    if settings.get("peft_type") != "LORA":
        odd.append(f"peft_type {settings.get('peft_type')}")
    if settings.get("bias") not in (None, "none"):
        odd.append(f"bias {settings['bias']}")
    if settings.get("init_lora_weights") not in _PLAIN_BEGINNINGS:
        odd.append(f"init_lora_weights {settings['init_lora_weights']}")
    return odd
