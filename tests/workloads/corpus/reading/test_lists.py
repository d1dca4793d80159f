"""Addresses and lists of them, from a server on loopback; and names that do not depend on the order of anything."""

import functools
import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import DependencyError, InputError
from workloads.corpus.reading import files
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.spec import InputSpec

Read = Callable[..., Any]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of the files below tmp_path, which gives no ranges."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_one_address(address: str, makers: dict[str, Any], texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    for ending in ("jsonl", "parquet", "pdf", "html"):
        (tmp_path / f"a.{ending}").write_bytes(makers[ending](texts))
        good, bad = read(f"{address}/a.{ending}")
        assert bad == []
        assert texts[1] in "\n".join(row["text"] for row in good)
        assert {row["file"] for row in good} == {f"{address.removeprefix('http://')}/a.{ending}"}


def test_a_list_of_addresses_and_paths(
    address: str, makers: dict[str, Any], texts: tuple[str, ...], tmp_path: Path, read: Read
) -> None:
    host = address.removeprefix("http://")
    (tmp_path / "村").mkdir()
    (tmp_path / "村" / "b.jsonl.gz").write_bytes(gzip.compress(makers["jsonl"](texts)))
    (tmp_path / "page").write_bytes(makers["html"](texts))
    (tmp_path / "local.txt").write_text(texts[0], encoding="utf-8")
    entries = ["# what is read", f"{address}/村/b.jsonl.gz", "", f"{address}/page?id=7", "local.txt", f"{address}/page?id=7"]
    (tmp_path / "all.urls").write_text("\r\n".join(entries), encoding="gb18030")
    good, bad = read(tmp_path / "all.urls")
    assert bad == []
    assert [row["file"] for row in good] == [f"{host}/page?id=7", *[f"{host}/村/b.jsonl.gz"] * 3, "local.txt"]
    (tmp_path / "all.urls").write_text("\n".join(entries[::-1]), encoding="utf-8")
    assert [(row["file"], row["id"], row["row"]) for row in read(tmp_path / "all.urls")[0]] == [
        (row["file"], row["id"], row["row"]) for row in good
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the list .*all.urls names nothing"),
        ("none.txt", "nothing at .*none.txt"),
        ("other.urls", "names the list other.urls"),
        ("http://[/a.txt", "is no address"),
        ("ADDRESS/none.jsonl", "nothing at http://.*none.jsonl"),
    ],
)
def test_lists_that_are_wrong(content: str, message: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "all.urls").write_text(content.replace("ADDRESS", address), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_files(((InputSpec(path="x"), str(tmp_path / "all.urls")),))


def test_the_fingerprint_is_of_contents_wherever_they_lie(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("春", encoding="utf-8")
    (tmp_path / "all.urls").write_text(f"{address}/a.txt", encoding="utf-8")
    inputs = ((InputSpec(path="x"), str(tmp_path / "all.urls")),)
    first = find_files(inputs).fingerprint()
    assert find_files(inputs).fingerprint() == first
    (tmp_path / "a.txt").write_text("夏", encoding="utf-8")
    assert find_files(inputs).fingerprint() != first


def test_names_do_not_depend_on_the_order_of_a_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b/x/a.txt", "a/x/a.txt", "c/a.txt", "c/z.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    inputs = tuple((InputSpec(path=name), str(tmp_path / name)) for name in ("b/x", "a/x", "c"))
    found = find_files(inputs)
    assert [file.name for file in found.files] == [
        "a/x/a.txt",
        "b/x/a.txt",
        "tmp/c/a.txt".replace("tmp", tmp_path.name),
        "z.md",
    ]
    listed = files.storage.list_files
    monkeypatch.setattr(files.storage, "list_files", lambda folder: listed(folder)[::-1])
    assert find_files(inputs[::-1]) == found


def test_a_package_that_is_missing_is_named_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(b"x")
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(
        DependencyError, match=r"a\.pdf is pdf, and pypdfium2 is not installed; run: pip install 'hanlin\[documents\]'"
    ):
        find_files(((InputSpec(path="x"), str(tmp_path)),))
