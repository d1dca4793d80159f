"""There and back: what was lost is served again with the same answers, from a folder, S3, a live database."""

import asyncio
import json
import sqlite3
import threading
from pathlib import Path

import pytest

from app.backup.contents import open_backup
from app.backup.make import make_backup
from app.backup.restore import Target, recipes_of, restore_backup
from app.cli import main
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from tests.app.backup.conftest import MakePlace, Place
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings, Request, Sampling


def greedy(model: Artifact) -> tuple[int, ...]:
    """The engine's answer without any chance in it."""

    async def ask() -> tuple[int, ...]:
        engine = load_engine("torch", model.local_folder(), EngineSettings(slots=1, threads=1))
        try:
            request = Request("1", (20, 30, 40), 32, Sampling(temperature=0))
            return tuple([token async for chunk in engine.generate(request) for token in chunk.token_ids])
        finally:
            engine.close()

    return asyncio.run(ask())


def silent(_: str) -> None:
    return


def test_a_copy_restored_elsewhere_answers_the_same(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    answers = {number: greedy(used.registry.load(number)) for number in ("1", "2")}
    assert answers["1"] != answers["2"]
    assert len(answers["1"]) == 32
    make_backup(used.source, str(tmp_path / "backups"), "copy", silent)
    used.lose()
    new = make_place("new")
    restored = restore_backup(open_backup(str(tmp_path / "backups")), new.target(), silent)
    assert [registry.name for registry in restored] == ["tiny"]
    assert new.registry.show().number == 1
    assert str(tmp_path / "new") in new.registry.show().artifact
    assert {number: greedy(new.registry.load(number)) for number in ("1", "2")} == answers


def test_what_was_known_is_known_again(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    before = used.registry.audit.entries()
    backup = make_backup(used.source, str(tmp_path / "backups"), "copy", silent)
    assert backup.contents.audit_entries == len(before)
    used.lose()
    new = make_place("new")
    restore_backup(backup, new.target(), silent)
    assert [(r.number, r.aliases, r.recipe["seed"]) for r in new.registry.revisions()] == [(1, ("production",), 1), (2, (), 2)]
    assert new.registry.audit.entries()[:-1] == before
    assert new.registry.audit.entries()[-1].action == "restore"
    assert new.registry.verify_audit() == len(before) + 1
    assert new.store.ref("tiny", "model").fingerprint == new.registry.show("2").fingerprint
    known = new.registry.registered(new.registry.load("1"), None) or new.registry.show("1")
    assert str(tmp_path / "used") not in known.to_json()
    assert new.registry.promote("2").number == 2  # it goes on living
    assert any(name.endswith("recipes/tiny@2.yaml") for name in recipes_of(backup))


def test_references_are_left_where_they_are(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    backup = make_backup(used.source, str(tmp_path / "backups"), "reference", silent)
    size = sum(entry.size for entry in backup.contents.files if "mlflow.db" not in entry.path)
    assert size < min(held.bytes for held in backup.contents.artifacts if held.kind == "model")
    place = used.registry.load().location.path
    storage.delete_folder(used.store.root / "registry")
    storage.delete_folder(used.store.root / "refs")
    (again,) = restore_backup(backup, Target(used.store, f"sqlite:///{tmp_path}/again.db"), silent)
    assert again.load().location.path == place
    assert again.store.ref("tiny", "model").fingerprint == again.show("2").fingerprint
    new = make_place("new")
    restore_backup(backup, new.target(), silent)
    assert new.registry.load().location.path == place
    assert not list(new.store.refs())


def test_every_backup_is_a_new_folder(used: Place, tmp_path: Path) -> None:
    first, second = (make_backup(used.source, str(tmp_path / "backups"), "reference", silent) for _ in range(2))
    assert first.location.path != second.location.path
    first.verify()
    assert open_backup(str(tmp_path / "backups")).location.path == second.location.path


@pytest.mark.slow  # the S3 server of the tests takes a second for what a real one does in milliseconds
def test_on_s3_and_back(used: Place, make_place: MakePlace, s3_bucket: str) -> None:
    bucket, _, query = s3_bucket.partition("?")
    make_backup(used.source, f"{bucket}/backups?{query}", "copy", silent)
    hashes = [revision.content_hash for revision in used.registry.revisions()]
    used.lose()
    backup = open_backup(f"{bucket}/backups?{query}")
    far = ArtifactStore(f"{bucket}/store?{query}")
    database = f"sqlite:///{Path(used.store.root.path).parent / 'far.db'}"
    (registry,) = restore_backup(backup, Target(far, database), silent)
    assert registry.load("2").content_hash == hashes[1]
    assert registry.show().artifact.startswith(f"{bucket}/store/model/")
    new = make_place("new")
    restore_backup(backup, new.target(), silent)
    assert [revision.content_hash for revision in new.registry.revisions()] == hashes


def test_a_database_in_use_is_copied_whole(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    """A writer adds rows to two tables in every transaction; in the copy they are equally many."""
    file = used.tracking_uri.removeprefix("sqlite:///")
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        connection = sqlite3.connect(file, timeout=30)
        connection.execute("CREATE TABLE one (text TEXT)")
        connection.execute("CREATE TABLE two (text TEXT)")
        while not stop.is_set():
            with connection:
                connection.execute("INSERT INTO one VALUES (?)", ("x" * 5000,))
                connection.execute("INSERT INTO two VALUES (?)", ("x" * 5000,))
            begun.set()
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        backup = make_backup(used.source, str(tmp_path / "backups"), "reference", silent)
    finally:
        stop.set()
        writer.join()
    copy = sqlite3.connect(f"{backup.location.path}/registry/mlflow.db")
    one, two = (copy.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("one", "two"))
    assert one == two > 0
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


def test_from_the_command_line(used: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, backups = used.store.root.path, str(tmp_path / "backups")
    assert main(["backup", backups, "--store", store, "--artifacts", "copy"]) == 0
    assert "4 artifacts copied" in capsys.readouterr().out
    assert main(["restore", backups, "--store", str(tmp_path / "new")]) == 0
    assert "tiny: 2 revisions (production 1)" in capsys.readouterr().out
    assert main(["restore", backups, "--store", str(tmp_path / "new")]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["artifacts", "verify", "--store", str(tmp_path / "new")]) == 0
    assert main(["backup", backups, "--store", str(tmp_path / "empty")]) == 2
    assert "no model is registered" in capsys.readouterr().err


def test_the_contents_say_what_is_released(used: Place, tmp_path: Path) -> None:
    backup = make_backup(used.source, str(tmp_path / "backups"), "reference", silent)
    written = json.loads(storage.read_bytes(backup.location / "backup.json"))
    assert written["aliases"] == {"tiny": {"production": 1}}
    assert {entry["path"] for entry in written["files"]} >= {
        "registry/mlflow.db",
        "registry/audit.jsonl",
        "refs/tiny/model.json",
    }
