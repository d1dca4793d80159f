"""Decoders of any size: the presets and, between and below them, shapes grown from a width alone. For choosing among; pure."""

from collections.abc import Iterator

from workloads.models.size import count_parameters
from workloads.models.spec import PRESETS, ModelSpec

_WIDTHS = (32, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560)
_WIDTH_PER_LAYER, _MOST_LAYERS = 48, 32  # the presets have 32 to 73
_WIDE = 256  # from here on heads of 64, as in the presets; narrow models have heads of 32, or else only one or two


def of_width(width: int) -> ModelSpec:
    """A decoder with the presets' proportions; `width` is a multiple of 32, and of 64 from 256 on."""
    head = 64 if width >= _WIDE else 32
    heads = width // head
    return ModelSpec(
        preset="2M",
        hidden_size=width,
        layers=min(_MOST_LAYERS, max(2, round(width / _WIDTH_PER_LAYER))),
        heads=heads,
        kv_heads=heads // 2 if heads % 2 == 0 else 1,
        head_dim=head,
        intermediate_size=32 * round(width * 8 / 3 / 32),
        tie_embeddings=True,
    )


def candidates(vocabulary: int) -> Iterator[ModelSpec]:
    """Every shape to choose from, the smallest first."""
    shapes = [*(ModelSpec(preset=name) for name in PRESETS), *(of_width(width) for width in _WIDTHS)]
    return iter(sorted(shapes, key=lambda each: count_parameters(each.shape, vocabulary)[0]))


def label(model: ModelSpec) -> str:
    """`25M`, or `320 x 7` (width and layers) where it is no preset."""
    shape = model.shape
    return model.preset if shape == ModelSpec(preset=model.preset).shape else f"{shape.hidden_size} x {shape.layers}"


def changes(model: ModelSpec) -> dict[str, object]:
    """The `model` section of a recipe that gives this shape: what differs from its preset, and the preset."""
    return {key: value for key, value in model.to_json().items() if value is not None}
