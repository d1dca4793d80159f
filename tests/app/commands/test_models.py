"""models list|show|promote|rollback|audit from the command line: two revisions, the first in production after a rollback."""

import json
from pathlib import Path

import pytest

from tests.app.backup.conftest import Place
from tests.app.commands.conftest import Run, VerbOf


@pytest.fixture
def run(verb_of: VerbOf) -> Run:
    """`run("show", "1")`: exit status, output and errors of the verb on the recipe of that registry."""
    return verb_of("models")


def test_list_and_show(run: Run) -> None:
    status, shown, _ = run("list")
    assert status == 0
    assert "tiny@1" in shown
    assert "tiny@2" in shown
    assert "2.500" in shown
    status, shown, _ = run("show", "production")
    revision = json.loads(shown)
    assert (status, revision["number"], revision["aliases"]) == (0, 1, ["production"])
    assert revision["metrics"]["bits_per_character"] == 2.5
    assert revision["lineage"][0]["kind"] == "model"
    status, _, error = run("show", "9")
    assert status == 2
    assert error.startswith("error: tiny has no revision '9'; registered: production, 1, 2")


def test_promote_rollback_and_the_log_of_both(run: Run) -> None:
    assert run("promote", "2", "--reason", "better on our own text")[:2] == (0, "production is now tiny@2\n")
    assert run("rollback", "--reason", "answers too long")[:2] == (0, "production is now tiny@1\n")
    status, shown, _ = run("audit")
    *lines, last = shown.splitlines()
    entries = [json.loads(line) for line in lines]
    assert status == 0
    assert [(each["action"], each["after"], each["reason"]) for each in entries[-2:]] == [
        ("promote", "2", "better on our own text"),
        ("rollback", "1", "answers too long"),
    ]
    assert last == f"{len(entries)} entries, unchanged"


def test_a_changed_log_or_model_is_told(run: Run, used: Place) -> None:
    weights = next(Path(used.registry.show("2").artifact).glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    status, _, error = run("promote", "2")
    assert status == 1
    assert "differs from its manifest" in error
    log = Path(used.store.root.path) / "registry" / "audit.jsonl"
    log.write_text(log.read_text(encoding="utf-8").replace("better", "the best"), encoding="utf-8")
    status, _, error = run("audit")
    assert status == 1
    assert "of the audit log does not fit" in error
