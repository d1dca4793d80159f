"""Artifacts: committed whole or not at all, verified byte for byte, found by work, name, beginning and reference."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore, open_artifact
from cluster.errors import ArtifactError, StorageError
from cluster.garbage import garbage
from cluster.manifest import Json, Kind, Work, fingerprint_of_files

FILES = {"documents/part-00000.parquet": b"rows" * 1000, "report.json": b"{}", "empty": b""}


def work(kind: Kind = "corpus", version: int = 1, **spec: Json) -> Work:
    return Work(kind, spec, {"raw": "f" * 20}, version)


def commit(store: ArtifactStore, task: Work, files: dict[str, bytes] = FILES) -> Artifact:
    with store.draft(task, {"name": "test"}) as draft:
        for path, data in files.items():
            draft.write(path, data)
        draft.counts["documents_read"] = 3
        draft.metrics["share"] = 0.5
    found = store.find(task)
    assert found is not None
    return found


@pytest.fixture
def store(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """An empty store; the copies that this machine keeps of what is on the server go with the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return ArtifactStore(root)


def files_below(store: ArtifactStore) -> list[str]:
    return [file.path for file in storage.list_files(store.root)]


def test_what_is_committed_is_found_and_reads_back(store: ArtifactStore, tmp_path: Path) -> None:
    task = work(language="中文")
    assert store.find(task) is None
    artifact = commit(store, task)
    assert {path: artifact.read(path) for path in FILES} == FILES
    artifact.verify()
    manifest = artifact.manifest
    assert (manifest.kind, manifest.spec, manifest.inputs) == ("corpus", {"language": "中文"}, {"raw": "f" * 20})
    assert (manifest.counts, manifest.metrics, manifest.recipe) == ({"documents_read": 3}, {"share": 0.5}, {"name": "test"})
    assert manifest.versions["pyarrow"]
    assert [entry.path for entry in artifact.entries("documents/")] == ["documents/part-00000.parquet"]
    local = artifact.local_folder()
    assert {path: (local / path).read_bytes() for path in FILES} == FILES
    assert open_artifact(artifact.uri).manifest == manifest
    with pytest.raises(ArtifactError, match="has no file other"):
        artifact.read("other")


def test_an_exception_leaves_nothing(store: ArtifactStore) -> None:
    def interrupted() -> None:
        with store.draft(work()) as draft:
            draft.write("documents/part-00000.parquet", b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert files_below(store) == []
    assert store.find(work()) is None
    commit(store, work()).verify()


_KILLED = """
import os, signal, sys
from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from cluster import artifacts
store, task = ArtifactStore(sys.argv[1]), Work("corpus", {}, {"raw": "f" * 20}, 1)
if sys.argv[2] == "committing":
    def copy(source, target, size, before=storage._copy_object):
        before(source, target, size)
        os.kill(os.getpid(), signal.SIGKILL)
    storage._copy_object = copy
    moved = storage.move_folder
    def move(source, target, last):
        if source.is_local:
            os.kill(os.getpid(), signal.SIGKILL)
        moved(source, target, last)
    storage.move_folder = move
with store.draft(task) as draft:
    draft.write("documents/part-00007.parquet", b"of a run that was killed")
    draft.write("report.json", b"old")
    if sys.argv[2] == "writing":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["writing", "committing"])
def test_a_kill_leaves_no_artifact_and_no_trace_in_the_next(store: ArtifactStore, moment: str) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, store.uri, moment], timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert store.find(work()) is None
    assert list(store.artifacts()) == []
    assert files_below(store)
    artifact = commit(store, work())
    assert {entry.path for entry in artifact.manifest.files} == set(FILES)
    artifact.verify()
    here = {file.path for file in storage.list_files(artifact.location)}
    assert here == {*FILES, "manifest.json"}
    store.set_ref("test", artifact)
    for folder in garbage(store, draft_hours=0):
        storage.delete_folder(folder)
    assert all(path.startswith(("corpus/", "refs/")) for path in files_below(store))
    artifact.verify()


def test_two_writers_of_the_same_work_end_with_one(store: ArtifactStore) -> None:
    together = threading.Barrier(4, timeout=60)
    failures: list[BaseException] = []

    def write(mine: bytes) -> None:
        try:
            with store.draft(work()) as draft:
                draft.write("report.json", mine)
                draft.write("documents/part-00000.parquet", mine * 100)
                together.wait()
        except BaseException as error:  # noqa: BLE001 (shown by the assertion below)
            failures.append(error)

    writers = [threading.Thread(target=write, args=(bytes([65 + i]),)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    (artifact,) = store.artifacts()
    if artifact.location.is_local:  # an object store has no lock to give: the last to copy wins, file by file
        artifact.verify()
        assert artifact.read("documents/part-00000.parquet") == artifact.read("report.json") * 100
    assert not any(path.startswith(".staging") for path in files_below(store))


def test_a_second_writer_leaves_the_first_artifact_as_it_is(store: ArtifactStore) -> None:
    first = commit(store, work())
    assert commit(store, work(), {"report.json": b"later"}).manifest == first.manifest
    first.verify()

    def fails() -> None:
        with store.draft(work()) as draft:
            draft.write("report.json", b"never")
            raise StorageError("the disk is gone")

    with pytest.raises(StorageError):
        fails()
    first.verify()


def test_a_folder_without_a_manifest_is_replaced(store: ArtifactStore) -> None:
    storage.write_bytes(store.root / "corpus" / work().fingerprint / "documents" / "part-00099.parquet", b"stale")
    artifact = commit(store, work())
    artifact.verify()
    assert {file.path for file in storage.list_files(artifact.location)} == {*FILES, "manifest.json"}


def test_a_flipped_byte_is_found(store: ArtifactStore) -> None:
    artifact = commit(store, work())
    data = bytearray(FILES["documents/part-00000.parquet"])
    data[1234] ^= 0x10
    storage.write_bytes(artifact.location / "documents/part-00000.parquet", bytes(data))
    for check in (artifact.verify, lambda: artifact.read("documents/part-00000.parquet"), artifact.local_folder):
        with pytest.raises(ArtifactError, match=r"part-00000\.parquet .*differs from its manifest") as caught:
            check()
        assert "\n" not in str(caught.value)
    artifact.verify("report.json")


def test_a_missing_file_is_found(store: ArtifactStore) -> None:
    artifact = commit(store, work())
    artifact.location.filesystem.delete_file((artifact.location / "report.json").path)
    with pytest.raises(ArtifactError, match=r"lacks the file report\.json"):
        artifact.verify()


@given(position=st.integers(min_value=0, max_value=3999), bit=st.integers(min_value=0, max_value=7))
def test_every_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    store = ArtifactStore(str(tmp_path_factory.getbasetemp() / "bits"))
    artifact = store.find(work()) or commit(store, work())
    file = Path(artifact.location.path) / "documents/part-00000.parquet"
    good = file.read_bytes()
    bad = bytearray(good)
    bad[position] ^= 1 << bit
    file.write_bytes(bad)
    try:
        with pytest.raises(ArtifactError):
            artifact.verify()
    finally:
        file.write_bytes(good)


def test_a_broken_manifest_is_one_line(store: ArtifactStore) -> None:
    artifact = commit(store, work())
    for broken in (b"{", b"[]", b'{"files": []}'):
        storage.write_bytes(artifact.location / "manifest.json", broken)
        with pytest.raises(ArtifactError, match="cannot be read"):
            store.find(work())


def test_opened_by_an_unambiguous_beginning(store: ArtifactStore) -> None:
    made = [commit(store, work(number=i)) for i in range(20)]
    for artifact in made:
        assert store.open("corpus", artifact.fingerprint).manifest == artifact.manifest
        assert store.open("corpus", artifact.fingerprint[:12]).fingerprint == artifact.fingerprint
    assert [a.fingerprint for a in store.artifacts("corpus")] == sorted(a.fingerprint for a in made)
    first = made[0].fingerprint
    assert {a.fingerprint for a in store.artifacts("corpus", first[:1])} == {
        a.fingerprint for a in made if a.fingerprint[0] == first[0]
    }
    ambiguous = next(c for c in "0123456789abcdef" if sum(a.fingerprint.startswith(c) for a in made) > 1)
    for name in (ambiguous, "", "zzz"):
        with pytest.raises(ArtifactError, match="no corpus"):
            store.open("corpus", name)


def test_references_hold_the_newest(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactError, match=r"recipe 'mine' has no corpus yet .*python -m workloads\.corpus"):
        store.ref("mine", "corpus")
    old, new = commit(store, work(number=1)), commit(store, work(number=2))
    for artifact in (old, new):
        store.set_ref("mine", artifact)
    store.set_ref("yours", old)
    assert store.ref("mine", "corpus").fingerprint == new.fingerprint
    assert {(recipe, a.fingerprint) for recipe, a in store.refs()} == {("mine", new.fingerprint), ("yours", old.fingerprint)}


def test_garbage_is_what_nothing_holds(store: ArtifactStore) -> None:
    corpus = commit(store, work())
    tokens = commit(store, Work("tokens", {}, {"corpus": corpus.fingerprint}, 1))
    model = commit(store, Work("model", {}, {"tokens": tokens.fingerprint}, 1))
    kept_by_hand = commit(store, work(number=1))
    alone = commit(store, work(number=2))
    store.set_ref("mine", model)
    storage.write_bytes(store.root / "corpus" / "never" / "report.json", b"{}")
    found = [folder.name for folder in garbage(store, {kept_by_hand.fingerprint}, draft_hours=0)]
    assert found == ["never", alone.fingerprint]
    for folder in garbage(store, {kept_by_hand.fingerprint}, draft_hours=0):
        storage.delete_folder(folder)
    assert {a.fingerprint for a in store.artifacts()} == {a.fingerprint for a in (corpus, tokens, model, kept_by_hand)}
    assert garbage(store, {kept_by_hand.fingerprint}, draft_hours=0) == []


def _read_and_hash(uri: str) -> str:
    artifact = open_artifact(uri)
    return storage.sha256_of(storage.locate(str(artifact.local_folder())) / "report.json")


def test_another_process_reads_it(store: ArtifactStore) -> None:
    artifact = commit(store, work())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_read_and_hash, (artifact.uri,)) == storage.sha256_of_bytes(b"{}")


def test_a_local_copy_that_was_changed_is_fetched_again(
    s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    artifact = commit(ArtifactStore(s3_bucket.replace("?", "/store?")), work())
    folder = artifact.local_folder()
    assert folder.is_relative_to(tmp_path)
    (folder / "report.json").write_bytes(b"[]")
    assert (artifact.local_folder() / "report.json").read_bytes() == b"{}"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(blacklist_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    spec=st.dictionaries(st.text(st.characters(blacklist_categories=["Cs"]), max_size=8), _VALUES, max_size=5),
    key=st.text(max_size=4),
)
def test_a_fingerprint_names_the_work(spec: dict[str, Json], key: str) -> None:
    task = Work("corpus", spec, {"a": "1", "b": "2"}, 1)
    turned = Work("corpus", dict(reversed(spec.items())), {"b": "2", "a": "1"}, 1, name="folder")
    assert task.fingerprint == turned.fingerprint
    assert turned.folder == "folder"
    others = [
        Work("tokens", spec, task.inputs, 1),
        Work("corpus", spec | {f"{key}+": [len(spec)]}, task.inputs, 1),
        Work("corpus", spec, {"a": "1", "b": "3"}, 1),
        Work("corpus", spec, task.inputs, 2),
    ]
    assert len({task.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_the_fingerprint_of_raw_input_sees_content_and_names_not_order(tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "two")):
        (tmp_path / name).write_text(text)

    def fingerprint(*names: str, changed: int = 0) -> str:
        return fingerprint_of_files((n, storage.locate(str(tmp_path / n)), 3, changed) for n in names)

    before = fingerprint("a", "b")
    assert fingerprint("b", "a", changed=9) == before
    assert fingerprint("a") != before
    (tmp_path / "b").write_text("twO")
    assert fingerprint("a", "b") != before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user cannot mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("way", ["write", "open_output", "upload"])
def test_a_full_disk_commits_nothing_and_loses_nothing(small_disk: Path, tmp_path: Path, way: str) -> None:
    store = ArtifactStore(str(small_disk / "store"))
    before = commit(store, work(number=1))
    large = tmp_path / "large"
    large.write_bytes(os.urandom(3 << 20))

    def fill() -> None:
        with store.draft(work(number=2)) as draft:
            if way == "write":
                draft.write("large", large.read_bytes())
            elif way == "upload":
                draft.upload(large, "large")
            else:
                with storage.open_output(draft.location / "large") as stream:
                    stream.write(large.read_bytes())

    with pytest.raises(StorageError, match=r"no space left while writing .*nothing that was committed is lost") as caught:
        fill()
    assert "\n" not in str(caught.value)
    assert [a.fingerprint for a in store.artifacts()] == [before.fingerprint]
    assert not any(path.startswith(".staging") for path in files_below(store))
    before.verify()
    commit(store, work(number=2)).verify()


def test_files_are_taken_over_without_being_written_again(root: str, tmp_path: Path) -> None:
    store, elsewhere = ArtifactStore(root), ArtifactStore(str(tmp_path / "elsewhere"))
    first = commit(store, work())
    for target in (store, elsewhere):
        with target.draft(work(version=2)) as draft:
            for entry in first.entries("documents/"):
                draft.link(first.location, entry)
            draft.write("report.json", b"[]")
        second = target.find(work(version=2))
        assert second is not None
        second.verify()
        assert second.entries("documents/") == first.entries("documents/")
    storage.delete_folder(first.location)
    second.verify()


def test_a_manifest_is_plain_json_with_the_files_in_order(store: ArtifactStore) -> None:
    artifact = commit(store, work())
    raw = json.loads(storage.read_bytes(artifact.location / "manifest.json"))
    assert [file["path"] for file in raw["files"]] == sorted(FILES)
    assert raw["fingerprint"] == work().fingerprint == artifact.location.name
