"""The `model` section of a recipe: a preset by size, and free fields that override it.

Not for the vocabulary (the tokenizer decides that) and not for building anything (see architecture.py).
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from pydantic import Field, model_validator

from cluster.config import Spec

Preset = Literal["2M", "8M", "25M", "124M", "350M", "0.6B", "1.7B"]
PRESETS: tuple[Preset, ...] = get_args(Preset)


@dataclass(frozen=True)
class DecoderShape:
    """Every number that decides a Qwen3-type decoder except its vocabulary and context."""

    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    tie_embeddings: bool = True
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6


@dataclass(frozen=True)
class PresetShape:
    """A preset and the vocabulary with which it has the number of parameters that its name says."""

    shape: DecoderShape
    vocabulary: int


# 0.6B and 1.7B are the shapes of Qwen3-0.6B and Qwen3-1.7B (their published config.json); the smaller ones are scaled from
# them for a laptop's vocabulary: a name counts all parameters, the shared embedding once.
_SHAPES: dict[Preset, PresetShape] = {
    "2M": PresetShape(DecoderShape(192, 3, 3, 1, 64, 512), 4_000),
    "8M": PresetShape(DecoderShape(256, 6, 4, 2, 64, 704), 16_000),
    "25M": PresetShape(DecoderShape(384, 12, 6, 2, 64, 1_024), 16_000),
    "124M": PresetShape(DecoderShape(768, 12, 12, 4, 64, 2_048), 64_000),
    "350M": PresetShape(DecoderShape(1_024, 24, 16, 8, 64, 2_816), 64_000),
    "0.6B": PresetShape(DecoderShape(1_024, 28, 16, 8, 128, 3_072, rope_theta=1_000_000.0), 151_936),
    "1.7B": PresetShape(DecoderShape(2_048, 28, 16, 8, 128, 6_144, rope_theta=1_000_000.0), 151_936),
}


def preset_shape(preset: Preset) -> PresetShape:
    return _SHAPES[preset]


class ModelSpec(Spec):
    """A decoder by preset; any other field, where given, takes the place of the preset's."""

    preset: Preset = Field("8M", description="size by name; counts all parameters with the usual vocabulary for that size")
    hidden_size: int | None = Field(None, ge=8, multiple_of=2, description="width of the residual stream")
    layers: int | None = Field(None, ge=1, description="decoder layers")
    heads: int | None = Field(None, ge=1, description="query heads; a multiple of kv_heads")
    kv_heads: int | None = Field(None, ge=1, description="key and value heads (grouped-query attention)")
    head_dim: int | None = Field(None, ge=4, multiple_of=2, description="width of one head; even, for the rotary embedding")
    intermediate_size: int | None = Field(None, ge=8, description="width of the gated feed-forward layer")
    tie_embeddings: bool | None = Field(None, description="one matrix for input embedding and output layer")
    rope_theta: float | None = Field(None, gt=1, description="base of the rotary embedding's wavelengths")
    norm_epsilon: float | None = Field(None, gt=0, description="added to the variance in RMSNorm")
    max_context: int | None = Field(None, ge=8, description="longest context in tokens (default: the trained sequence length)")

    @property
    def shape(self) -> DecoderShape:
        """The preset with this spec's fields over it."""
        given = {name: value for name in DecoderShape.__dataclass_fields__ if (value := getattr(self, name)) is not None}
        return replace(preset_shape(self.preset).shape, **given)

    @model_validator(mode="after")
    def _heads_share_keys(self) -> "ModelSpec":
        shape = self.shape
        if shape.heads % shape.kv_heads:
            raise ValueError(f"heads ({shape.heads}) must be a multiple of kv_heads ({shape.kv_heads})")
        return self
