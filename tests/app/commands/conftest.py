"""A used registry, as the backups have it, and verbs on its recipe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from tests.app.backup.conftest import Place, empty_database, make_place, model_folders, used

__all__ = ["empty_database", "make_place", "model_folders", "used"]
Run = Callable[..., tuple[int, str, str]]
VerbOf = Callable[[str], Run]


@pytest.fixture
def verb_of(used: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> VerbOf:
    """`verb_of("models")("show", "1")`: exit status, output and errors of the verb's action on that registry's recipe."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: tiny\nstore: {used.store.root.path}\ncorpus: {{}}\n", encoding="utf-8")

    def on_recipe(verb: str) -> Run:
        def call(action: str, *more: str) -> tuple[int, str, str]:
            status = main([verb, action, str(recipe), *more])
            told = capsys.readouterr()
            return status, told.out, told.err

        return call

    return on_recipe
