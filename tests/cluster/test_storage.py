"""Places by URI: the same behaviour on a local disk and on an S3-protocol server, and one line for what goes wrong."""

import gzip
import hashlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import storage
from cluster.errors import StorageError
from cluster.storage import FileStat, locate
from tests.unprivileged import reachable_folder, unprivileged


def _one_line(call: Callable[[], object], *parts: str) -> None:
    with pytest.raises(StorageError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_writes_lists_reads_and_deletes(root: str) -> None:
    folder = locate(root)
    assert storage.kind_of(folder) == "absent"
    assert storage.list_files(folder) == []
    assert storage.list_folders(folder) == []
    contents = {"b.txt": b"two", "a/deep/c.bin": b"\0\1", "a/文件 名.txt": "字".encode(), "a/empty": b""}
    for path, data in contents.items():
        storage.write_bytes(folder / path, data)
    assert [(f.path, f.size) for f in storage.list_files(folder)] == [(p, len(contents[p])) for p in sorted(contents)]
    assert storage.list_folders(folder) == ["a"]
    assert {path: storage.read_bytes(folder / path) for path in contents} == contents
    assert storage.sha256_of(folder / "b.txt") == hashlib.sha256(b"two").hexdigest() == storage.sha256_of_bytes(b"two")
    assert (storage.kind_of(folder / "a"), storage.kind_of(folder / "b.txt")) == ("folder", "file")
    storage.delete_folder(folder / "a")
    assert [f.path for f in storage.list_files(folder)] == ["b.txt"]
    storage.delete_folder(folder / "a")


def test_compressed_files_are_read_as_they_are(root: str) -> None:
    data = gzip.compress(b"text")
    storage.write_bytes(locate(root) / "x.gz", data)
    assert storage.read_bytes(locate(root) / "x.gz") == data
    assert storage.sha256_of(locate(root) / "x.gz") == hashlib.sha256(data).hexdigest()


def test_a_file_larger_than_a_block(root: str) -> None:
    data = os.urandom(9 << 20)
    with storage.open_output(locate(root) / "large/file") as stream:
        for start in range(0, len(data), 1 << 20):
            stream.write(data[start : start + (1 << 20)])
    assert storage.sha256_of(locate(root) / "large/file") == hashlib.sha256(data).hexdigest()


def test_a_reader_sees_the_old_or_the_new_content(root: str) -> None:
    file, versions = locate(root) / "state.json", [bytes([i]) * 200_000 for i in range(8)]
    storage.write_bytes(file, versions[0])
    seen: list[bytes] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.append(storage.read_bytes(file))

    reader = threading.Thread(target=read)
    reader.start()
    for data in versions:
        storage.write_bytes(file, data)
    ended.set()
    reader.join()
    seen.append(storage.read_bytes(file))
    assert all(data in versions for data in seen)
    assert seen[-1] == versions[-1]
    assert [f.path for f in storage.list_files(locate(root))] == ["state.json"]


def test_folders_go_up_and_down(root: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    (source / "one").write_bytes(b"1")
    (source / "below" / "two").write_bytes(b"22")
    storage.upload(source, locate(root) / "copy")
    storage.upload(source / "one", locate(root) / "single")
    storage.download(locate(root) / "copy", tmp_path / "back")
    assert (tmp_path / "back" / "below" / "two").read_bytes() == b"22"
    assert [(f.path, f.size) for f in storage.list_files(locate(root))] == [
        ("copy/below/two", 2),
        ("copy/one", 1),
        ("single", 1),
    ]


def test_a_folder_moves_whole(root: str) -> None:
    source, target = locate(root) / "from", locate(root) / "deep/to"
    for path in ("last", "a/b", "c"):
        storage.write_bytes(source / path, path.encode())
    storage.move_folder(source, target, last="last")
    assert [f.path for f in storage.list_files(target)] == ["a/b", "c", "last"]
    assert storage.read_bytes(target / "a/b") == b"a/b"
    assert storage.kind_of(source) == "absent"


def test_a_missing_file_is_one_line(root: str) -> None:
    _one_line(
        lambda: storage.read_bytes(locate(root) / "nothing"), "failed while reading", "root" if "://" not in root else "s3://"
    )


@given(
    data=st.binary(max_size=2000),
    name=st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_under_any_name_come_back(tmp_path: Path, data: bytes, name: str) -> None:
    if name in (".", ".."):
        return
    file = locate(str(tmp_path / "any")) / name
    storage.write_bytes(file, data)
    assert storage.read_bytes(file) == data
    assert FileStat(name, len(data), 0).path in {f.path for f in storage.list_files(locate(str(tmp_path / "any")))}


def test_names_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("runs").path == str(tmp_path / "runs")
    assert locate("~/runs").path == str(Path.home() / "runs")
    assert locate("file:///data/%E8%AF%AD%20a").path == "/data/语 a"
    assert (locate("/data/") / "x").path == "/data/x"
    below = locate("s3://bucket/a?endpoint_override=127.0.0.1:9&scheme=http") / "b" / "c.txt"
    assert below.uri == "s3://bucket/a/b/c.txt?endpoint_override=127.0.0.1:9&scheme=http"
    assert (below.path, below.name, str(below)) == ("bucket/a/b/c.txt", "c.txt", "s3://bucket/a/b/c.txt")
    assert locate(below.uri).path == below.path


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(StorageError, match="credentials belong to the environment") as caught:
        locate("s3://AKIA123:topsecret@bucket/path")
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["ftp://host/x", "s3:/x://", "gopher://x"])
def test_an_unknown_scheme_names_the_allowed_ones(uri: str) -> None:
    _one_line(lambda: locate(uri), "s3://", "hdfs://")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    _one_line(lambda: storage.write_bytes(locate(str(tmp_path / "file" / "below")), b"x"), str(tmp_path / "file"))


def test_a_bucket_that_is_not_there(s3_bucket: str) -> None:
    _, _, query = s3_bucket.partition("?")
    _one_line(lambda: storage.write_bytes(locate(f"s3://no-such-bucket/x?{query}"), b"x"), "s3://no-such-bucket/x")


def test_a_server_that_does_not_answer(s3_bucket: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        port = taken.getsockname()[1]
        uri = f"s3://bucket/x?endpoint_override=127.0.0.1:{port}&scheme=http"
        _one_line(lambda: storage.read_bytes(locate(uri)), "failed while reading s3://bucket/x")


def test_no_permission() -> None:
    with reachable_folder() as folder, unprivileged():
        (folder / "closed").mkdir(mode=0o500)
        _one_line(lambda: storage.write_bytes(locate(str(folder / "closed" / "x")), b"x"), "no permission while writing")
        (folder / "secret").write_bytes(b"x")
        (folder / "secret").chmod(0)
        _one_line(lambda: storage.read_bytes(locate(str(folder / "secret"))), "no permission while reading")
