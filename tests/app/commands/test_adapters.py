"""adapters add|list|remove from the command line, and what a store keeps of them."""

import json
from pathlib import Path

import pytest

from app.backup.contents import open_backup
from app.backup.make import make_backup
from app.backup.restore import restore_backup
from app.cli import main
from app.registry.adapters import published
from cluster.artifacts import open_artifact
from tests.app.backup.conftest import MakePlace, Place
from tests.app.commands.conftest import Run, VerbOf
from tests.workloads.serving.tiny_adapter import write_adapter


@pytest.fixture
def run(verb_of: VerbOf) -> Run:
    """`run("add", "law", folder)`: exit status, output and errors of the verb on the recipe of that registry."""
    return verb_of("adapters")


@pytest.fixture
def folder(model_folders: list[Path], tmp_path: Path) -> str:
    return str(write_adapter(tmp_path / "tuned", model_folders[0]))


def test_a_name_stands_for_an_adapter_of_each_revision(run: Run, used: Place, folder: str) -> None:
    assert "no adapters yet" in run("list")[1]
    status, shown, _ = run("add", "law", folder)
    assert (status, shown.endswith("on tiny@1\n")) == (0, True)
    run("add", "law", folder, "--revision", "2")
    run("add", "law", folder)
    entries = published(used.store)
    assert [(each.name, each.revision, each.base) for each in entries] == [
        ("law", number, used.registry.show(str(number)).fingerprint) for number in (1, 2)
    ]
    artifact = open_artifact(entries[0].uri)
    artifact.verify()
    assert (artifact.content_hash, artifact.manifest.inputs) == (entries[0].content, {"model": entries[0].base})
    assert {file.path for file in artifact.manifest.files} == {"adapter_config.json", "adapter_model.safetensors"}
    listed = run("list")[1]
    assert "tiny@1" in listed
    assert "tiny@2" in listed
    assert run("remove", "law")[:2] == (0, "law is withdrawn\n")
    assert published(used.store) == ()
    actions = [(entry.action, entry.after) for entry in used.registry.audit.entries("tiny")][-4:]
    assert actions == [("adapter-add", "1"), ("adapter-add", "2"), ("adapter-add", "1"), ("adapter-remove", "")]
    assert used.registry.verify_audit()


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("tiny", (), "tiny is a model"),
        ("a@b", (), "the adapter name 'a@b'; 1 to 63"),
        ("law", ("--revision", "9"), "has no revision '9'"),
    ],
)
def test_a_mistake_is_told_in_one_line(run: Run, folder: str, name: str, more: tuple[str, ...], says: str) -> None:
    status, _, error = run("add", name, folder, *more)
    assert (status, says in error, error.count("\n")) == (2, True, 1)


def test_an_adapter_of_another_model_is_refused(run: Run, used: Place, folder: str) -> None:
    file = Path(folder) / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"use_dora": True}))
    status, _, error = run("add", "law", folder)
    assert (status, "sets use_dora; plain LoRA" in error) == (2, True)
    assert run("remove", "law")[2].startswith("error: tiny has no adapter 'law'; published: none")
    assert list(used.store.artifacts("adapter")) == []


def test_published_adapters_are_held_and_saved(
    run: Run, used: Place, folder: str, make_place: MakePlace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", "law", folder)
    capsys.readouterr()
    gc = ["artifacts", "gc", "--store", used.store.root.path]
    assert main(gc) == 0
    assert "/adapter/" not in capsys.readouterr().out
    make_backup(used.source, str(tmp_path / "backup"), "copy", say=lambda _: None)
    other = make_place("other")
    restore_backup(open_backup(str(tmp_path / "backup")), other.target(), say=lambda _: None)
    [entry] = published(other.store)
    assert entry.uri.startswith(other.store.root.path)
    open_artifact(entry.uri).verify()
    run("remove", "law")
    assert main(gc) == 0
    assert "/adapter/" in capsys.readouterr().out
