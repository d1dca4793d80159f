"""What goes wrong with a backup is one line, and nothing is written: interrupted, changed, missing, in use, no permission."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.backup.contents import Backup, open_backup
from app.backup.make import make_backup
from app.backup.records import from_json, read_models, to_json, write_models
from app.backup.restore import restore_backup
from app.cli import main
from app.registry.tracking import Tracking
from cluster import storage
from cluster.errors import ArtifactError, StorageError, UserError
from tests.app.backup.conftest import MakePlace, Place


def silent(_: str) -> None:
    return


@pytest.fixture
def backup(used: Place, tmp_path: Path) -> Backup:
    return make_backup(used.source, str(tmp_path / "backups"), "copy", silent)


def refuses(backup: Backup, place: Place, message: str) -> None:
    with pytest.raises(ArtifactError, match=message) as caught:
        restore_backup(backup, place.target(), silent)
    assert "\n" not in str(caught.value)
    assert not Path(place.store.root.path).exists()


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "path", ["registry/audit.jsonl", "registry/mlflow.db", "artifacts/model/*/model.safetensors", "recipes/tiny@1.yaml"]
)
def test_a_changed_byte_is_named(backup: Backup, make_place: MakePlace, path: str) -> None:
    (file, *_) = sorted(Path(backup.location.path).glob(path))
    flip(file)
    refuses(backup, make_place("new"), f"the file {file.relative_to(backup.location.path)} of the backup .* has changed")


def test_a_missing_file_is_named(backup: Backup, make_place: MakePlace) -> None:
    (Path(backup.location.path) / "registry/audit.jsonl").unlink()
    refuses(backup, make_place("new"), r"lacks the file registry/audit\.jsonl")


def test_changed_contents_are_refused(backup: Backup) -> None:
    file = Path(backup.location.path) / "backup.json"
    changed = json.loads(file.read_text())
    changed["aliases"]["tiny"]["production"] = 2
    file.write_text(json.dumps(changed))
    with pytest.raises(ArtifactError, match=r"the file backup\.json of the backup .* has changed"):
        open_backup(backup.location.uri)


def test_a_missing_artifact_of_a_reference(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    backup = make_backup(used.source, str(tmp_path / "backups"), "reference", silent)
    model = used.registry.load("2")
    flip(Path(model.location.path) / "model.safetensors")
    refuses(backup, make_place("new"), r"the file model\.safetensors of model .* differs from its manifest")
    shutil.rmtree(model.location.path)
    refuses(backup, make_place("new"), f"the model {model.location.name} is gone from .*--artifacts copy")


def test_a_registered_model_that_is_gone_makes_no_backup(used: Place, tmp_path: Path) -> None:
    shutil.rmtree(used.registry.load("2").location.path)
    with pytest.raises(ArtifactError, match="tiny@2 is registered, but its artifact"):
        make_backup(used.source, str(tmp_path / "backups"), "reference", silent)
    with pytest.raises(ArtifactError, match="is no backup"):
        open_backup(str(tmp_path / "backups"))


def test_a_registry_in_use_is_kept_unless_told(used: Place, backup: Backup, make_place: MakePlace) -> None:
    with pytest.raises(UserError, match=r"there is a registry at .*--replace.*nothing was written"):
        restore_backup(backup, used.target(), silent)
    new = make_place("new")
    for name, data in {"audit.jsonl": b"what was there\n", "mlflow.db": b"also this"}.items():
        storage.write_bytes(new.store.root / "registry" / name, data)
    with pytest.raises(UserError, match="there is a registry"):
        restore_backup(backup, new.target(), silent)
    restore_backup(backup, new.target(replace=True), silent)
    assert new.registry.show().number == 1
    (aside,) = (name for name in storage.list_folders(new.store.root) if name.startswith("registry.replaced-"))
    kept = {file.read_bytes() for file in (Path(new.store.root.path) / aside).iterdir()}
    assert kept == {b"what was there\n", b"also this"}


def test_a_tampered_audit_log_does_not_become_the_truth(used: Place, tmp_path: Path) -> None:
    log = Path(used.store.root.path) / "registry/audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"worse after all", b"better than all"))
    with pytest.raises(ArtifactError, match=r"entry 5 of the audit log does not fit"):
        make_backup(used.source, str(tmp_path / "backups"), "reference", silent)


def test_a_place_that_cannot_be_written(used: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StorageError) as caught:
        make_backup(used.source, str(tmp_path / "file" / "backups"), "reference", silent)
    assert "\n" not in str(caught.value)
    assert main(["backup", str(tmp_path / "file"), "--store", used.store.root.path]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; run as another user")
def test_a_place_without_permission(used: Place, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="permission"):
        make_backup(used.source, str(tmp_path / "closed" / "backups"), "reference", silent)


def test_a_backup_that_was_killed_is_none(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    """SIGKILL once artifacts are being copied: what lies there lacks backup.json."""
    backups = tmp_path / "backups"
    command = [sys.executable, "-m", "app", "backup", str(backups), "--store", used.store.root.path, "--artifacts", "copy"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("copying")
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = backups.iterdir()
    assert any(folder.rglob("*"))
    for given in (backups, folder):
        with pytest.raises(ArtifactError, match=r"is no backup \(it lacks backup\.json, so it was interrupted"):
            open_backup(str(given))
    assert main(["restore", str(folder), "--store", str(tmp_path / "new")]) == 1
    assert not (tmp_path / "new").exists()
    good = make_backup(used.source, str(backups), "copy", silent)
    assert open_backup(str(backups)).location.path == good.location.path


def test_nothing_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is no backup \(nothing is there\)"):
        open_backup(str(tmp_path / "nothing"))


def test_revisions_travel_between_registries(used: Place, tmp_path: Path, empty_database: Path) -> None:
    """As they do from and to a server: by the API, with their own numbers, also where lower ones were deleted."""
    file = tmp_path / "other.db"
    shutil.copyfile(empty_database, file)
    other = Tracking(f"sqlite:///{file}", str(tmp_path))
    (record,) = read_models(Tracking(used.tracking_uri, ""))
    record = replace(record, revisions=tuple(r for r in record.revisions if r.number == 2), aliases={"production": 2})
    write_models(other, from_json(to_json([record])))
    (copy,) = read_models(other)
    assert [(r.number, r.content_hash, r.metrics) for r in copy.revisions] == [
        (r.number, r.content_hash, r.metrics) for r in record.revisions
    ]
    assert (copy.aliases, copy.head) == ({"production": 2}, record.head)
    with pytest.raises(UserError, match="has the models tiny already"):
        write_models(other, [record])
