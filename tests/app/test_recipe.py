"""Recipes: the shipped ones resolve, defaults are filled in, and a wrong key is refused with its line and the nearest one."""

from pathlib import Path

import pytest

from app.commands.project import template
from app.recipe import Recipe, load_recipe
from cluster.errors import RecipeError
from cluster.stage import RecipeOutline

RECIPES = Path(__file__).resolve().parents[2] / "workloads" / "recipes"


@pytest.mark.parametrize("name", ["demo", "small", "base", "gpu"])
def test_every_shipped_recipe_resolves_and_round_trips(name: str, tmp_path: Path) -> None:
    import yaml

    _, recipe = load_recipe(str(RECIPES / f"{name}.yaml"))
    assert recipe.name == name
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(yaml.safe_dump(recipe.to_json(), allow_unicode=True), encoding="utf-8")
    assert load_recipe(str(resolved))[1] == recipe


def test_the_template_of_init_resolves(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(template("my-lm"), encoding="utf-8")
    assert load_recipe(str(file))[1].name == "my-lm"


def write(folder: Path, text: str) -> str:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_an_unknown_key_names_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\ncorpus: {}\ntraining:\n  learning_rte: 1e-3\n")
    with pytest.raises(RecipeError, match=r"line 4: unknown key 'training\.learning_rte'.*did you mean 'learning_rate'\?"):
        load_recipe(path)


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\ncorpus: {}\ntrainning: {}\n")
    with pytest.raises(RecipeError, match=r"line 3: unknown key 'trainning'.*did you mean 'training'\?"):
        load_recipe(path)


def test_overrides_reach_the_spec_and_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\ncorpus: {inputs: [a]}\n")
    _, recipe = load_recipe(path, ["training.learning_rate=3e-4", "corpus.inputs=[b, c]"])
    assert recipe.training.learning_rate == 3e-4
    assert [each.path for each in recipe.corpus.inputs] == ["b", "c"]
    with pytest.raises(RecipeError, match=r"given with --set: training\.learning_rate = 7 is not usable"):
        load_recipe(path, ["training.learning_rate=7"])


def test_values_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\ncorpus: {}\nmodel: {heads: 3, kv_heads: 2}\n")
    with pytest.raises(RecipeError, match=r"line 3: .*heads \(3\) must be a multiple of kv_heads \(2\)"):
        load_recipe(path)


def test_every_section_has_its_name_in_the_outline() -> None:
    assert list(RecipeOutline.model_fields) == list(Recipe.model_fields)
