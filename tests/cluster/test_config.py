"""Reading a recipe: overrides, and errors that name the line and the nearest allowed key."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from cluster.config import RecipeFile, Spec, read_recipe
from cluster.errors import RecipeError


class Inner(Spec):
    learning_rate: float = Field(1e-3, gt=0)
    steps: int = Field(10, ge=1)
    betas: tuple[float, float] = (0.9, 0.95)


class Source(Spec):
    path: str
    weight: float = 1.0


class Outer(Spec):
    name: str
    training: Inner = Field(default_factory=Inner)
    inputs: tuple[Source, ...] = ()
    extra: Inner | None = None


TEXT = """\
# a comment
name: small
training:
  learning_rate: 3e-4
  steps: 20
inputs:
  - path: a.jsonl
  - path: b.jsonl
    weight: 2
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., RecipeFile]:
    def read_text(text: str, *overrides: str) -> RecipeFile:
        file = tmp_path / "recipe.yaml"
        file.write_text(text, encoding="utf-8")
        return read_recipe(str(file), overrides)

    return read_text


def _message(call: Callable[[], object]) -> str:
    with pytest.raises(RecipeError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_values_types_and_defaults(read: Callable[..., RecipeFile], tmp_path: Path) -> None:
    recipe = read(TEXT)
    outer = recipe.whole(Outer)
    assert outer.training == Inner(learning_rate=3e-4, steps=20)
    assert outer.inputs[1] == Source(path="b.jsonl", weight=2)
    assert recipe.section("training", Inner) == outer.training
    assert recipe.section("absent", Inner) == Inner()
    assert recipe.folder == tmp_path
    assert read("name: x\ntraining:\n").section("training", Inner) == Inner()
    assert json.loads(json.dumps(outer.to_json()))["training"]["betas"] == [0.9, 0.95]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("name: x\ntraining:\n  learnin_rate: 1\n", ["line 3", "'training.learnin_rate'", "did you mean 'learning_rate'?"]),
        ("name: x\ntrainin:\n  steps: 1\n", ["line 2", "'trainin'", "did you mean 'training'?"]),
        ("name: x\ninputs:\n  - path: a\n  - paht: b\n", ["line 4", "'inputs.1.paht'", "did you mean 'path'?"]),
        ("name: x\nextra:\n  stesp: 1\n", ["line 3", "did you mean 'steps'?"]),
        ("name: x\nqqqqqq: 1\n", ["line 2", "allowed here: name, training, inputs, extra", "take the key out"]),
        ("name: x\ntraining:\n  steps: many\n", ["line 3", "training.steps = 'many'", "integer"]),
        ("name: x\ntraining:\n  steps: 0\n", ["line 3", "training.steps = 0", "greater than or equal to 1"]),
        ("name: x\ntraining: 5\n", ["line 2", "training = 5"]),
        ("name: x\ntraining:\n  betas: [1]\n", ["line 3", "training.betas"]),
        ("training:\n  steps: 1\n", ["line 1", "'name' is missing", "add it"]),
        ("name: x\ninputs:\n  - weight: 1\n", ["line 3", "'inputs.0.path' is missing"]),
        ("", ["line 1", "'name' is missing"]),
        ("name: x\nfoo: 1\nbar: 2\n", ["'foo'", "1 more after this one"]),
    ],
)
def test_a_wrong_recipe_names_line_and_key(read: Callable[..., RecipeFile], text: str, parts: list[str]) -> None:
    message = _message(lambda: read(text).whole(Outer))
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name: x\nname: y\n", "line 2: name stands twice; first on line 1"),
        ("training:\n  steps: 1\n  steps: 2\n", "line 3: training.steps stands twice"),
        ("name: [1, 2\n", "is not valid YAML"),
        ("name: x\n\tsteps: 1\n", "is not valid YAML"),
        ("- a\n- b\n", "a recipe is a YAML mapping"),
        ("just words\n", "a recipe is a YAML mapping"),
        ("name: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "is not valid YAML"),
        ("a: &loop [*loop]\n", "nested too deep"),
    ],
)
def test_what_is_no_recipe(read: Callable[..., RecipeFile], text: str, part: str) -> None:
    assert part in _message(lambda: read(text))


def test_a_missing_file_a_folder_and_foreign_bytes(tmp_path: Path) -> None:
    assert "hanlin init" in _message(lambda: read_recipe(str(tmp_path / "absent.yaml")))
    assert "cannot read the recipe" in _message(lambda: read_recipe(str(tmp_path)))
    (tmp_path / "gb.yaml").write_bytes("name: 中文".encode("gb18030"))
    assert "a UTF-8 YAML file" in _message(lambda: read_recipe(str(tmp_path / "gb.yaml")))


def test_dates_and_others_stay_text_that_json_can_hold(read: Callable[..., RecipeFile]) -> None:
    values = read("a: 2026-01-31\nb: 2026-01-31 10:00:00\nc: {1: x}\n").values
    assert values == {"a": "2026-01-31", "b": "2026-01-31 10:00:00", "c": {"1": "x"}}
    assert json.loads(json.dumps(values)) == values


@pytest.mark.parametrize(
    ("override", "spec"),
    [
        ("training.learning_rate=3e-5", Inner(learning_rate=3e-5, steps=20)),
        ("training.learning_rate=0.5", Inner(learning_rate=0.5, steps=20)),
        ("training.steps=7", Inner(learning_rate=3e-4, steps=7)),
        ("training.betas=[0.5, 0.6]", Inner(learning_rate=3e-4, steps=20, betas=(0.5, 0.6))),
        ("training={steps: 3}", Inner(steps=3)),
    ],
)
def test_overrides_win(read: Callable[..., RecipeFile], override: str, spec: Inner) -> None:
    assert read(TEXT, override).whole(Outer).training == spec


def test_overrides_make_sections_and_text_keeps_its_equal_signs(read: Callable[..., RecipeFile]) -> None:
    assert read("name: x\n", "extra.steps=2").whole(Outer).extra == Inner(steps=2)
    assert read("name: x\ntraining:\n", "training.steps=2").whole(Outer).training == Inner(steps=2)
    assert read("name: x\n", "name=a=b").values["name"] == "a=b"
    assert read("name: x\n", "name=v2").values["name"] == "v2"
    assert read("name: x\n", "name='3e4'").values["name"] == "3e4"
    assert read("name: x\n", "name=").values["name"] is None


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("training.stps=1", ["given with --set", "did you mean 'steps'?"]),
        ("training.steps=x", ["given with --set", "training.steps = 'x'"]),
        ("training.steps", ["KEY=VALUE"]),
        ("=1", ["KEY=VALUE"]),
        (".=1", ["KEY=VALUE"]),
        ("name.below=1", ["'name' holds a value"]),
        ("name=[1", ["not valid YAML"]),
        ("training={stps: 1}", ["given with --set", "did you mean 'steps'?"]),
    ],
)
def test_wrong_overrides(read: Callable[..., RecipeFile], override: str, parts: list[str]) -> None:
    message = _message(lambda: read(TEXT, override).whole(Outer))
    assert all(part in message for part in parts), message


_KEYS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=6)
_TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(values=st.dictionaries(_KEYS, _TREES, max_size=4))
def test_any_json_is_a_recipe_and_comes_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    assert read_recipe(str(file)).values == values


@given(text=st.text(st.characters(blacklist_categories=["Cs"]), max_size=60))
def test_any_text_is_a_recipe_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "text.yaml"
    file.write_text(text, encoding="utf-8")
    told = ""
    try:
        read_recipe(str(file)).whole(Outer)
    except RecipeError as error:
        told = str(error)
    assert "\n" not in told
