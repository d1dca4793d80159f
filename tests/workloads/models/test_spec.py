"""Presets and free fields."""

from pathlib import Path

import pytest

from cluster.config import read_recipe
from cluster.errors import RecipeError
from workloads.models.size import count_parameters
from workloads.models.spec import PRESETS, ModelSpec, Preset, preset_shape


def _size(name: str) -> float:
    return float(name[:-1]) * {"M": 1e6, "B": 1e9}[name[-1]]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_size_of_its_name_with_its_usual_vocabulary(preset: Preset) -> None:
    known = preset_shape(preset)
    total, _ = count_parameters(known.shape, known.vocabulary)
    assert total == pytest.approx(_size(preset), rel=0.07)


def test_any_field_overrides_the_preset() -> None:
    shape = ModelSpec(preset="8M", layers=3, tie_embeddings=False).shape
    assert (shape.layers, shape.tie_embeddings) == (3, False)
    assert shape.hidden_size == preset_shape("8M").shape.hidden_size


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("{heads: 5, kv_heads: 2}", "heads (5) must be a multiple of kv_heads (2)"),
        ("{preset: 3M}", "'2M'"),
        ("{hiden_size: 64}", "did you mean 'hidden_size'?"),
        ("{head_dim: 33}", "multiple of 2"),
    ],
)
def test_a_wrong_model_section_is_one_line(tmp_path: Path, model: str, told: str) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: x\nmodel: {model}\n", encoding="utf-8")
    with pytest.raises(RecipeError) as error:
        read_recipe(str(recipe)).section("model", ModelSpec)
    assert told in str(error.value)
    assert "line 2" in str(error.value)
    assert "\n" not in str(error.value)
