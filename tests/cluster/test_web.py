"""Reading over HTTP from a server on loopback: sizes, ranges, retries, and errors of one line."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster import storage, web
from cluster.errors import StorageError


@dataclass
class Site:
    """Files by path, faults to answer with before anything else, and what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    ranges: bool = True
    sizes: bool = True
    asked: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            if site.faults:
                return self.answer(site.faults.pop(0), b"", {"Retry-After": "0"})
            data = site.files.get(self.path)
            if data is None:
                return self.answer(404, b"")
            wanted = self.headers.get("Range", "")
            if not (wanted and site.ranges):
                return self.answer(200, data, {"Last-Modified": "Wed, 04 Feb 2026 00:00:00 GMT"})
            first, last = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
            if first >= len(data):
                return self.answer(416, b"")
            part = data[first : last + 1]
            return self.answer(206, part, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"})

        def answer(self, status: int, body: bytes, fields: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (fields or {}).items():
                self.send_header(name, value)
            if site.sizes or status != 200:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr(web, "_FIRST_WAIT", 0.01)
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


DATA = bytes(range(256)) * 12_000


@pytest.mark.parametrize(("ranges", "sizes"), [(True, True), (False, True), (False, False)])
def test_sizes_streams_and_ranges(site: Site, ranges: bool, sizes: bool) -> None:
    site.files["/a.bin"], site.ranges, site.sizes = DATA, ranges, sizes
    place = storage.locate(f"{site.address}/a.bin")
    stat = storage.stat(place)
    assert stat is not None
    assert (stat.size, stat.path) == (len(DATA), "a.bin")
    assert storage.read_bytes(place) == DATA
    with place.filesystem.open_input_file(place.path) as stream:
        stream.seek(1_000_000)
        assert stream.read(500) == DATA[1_000_000:1_000_500]
        assert stream.size() == len(DATA)


def test_what_fails_for_a_moment_is_asked_again(site: Site) -> None:
    site.files["/a.bin"] = DATA
    site.faults = [503, 429, 500]
    assert storage.read_bytes(storage.locate(f"{site.address}/a.bin")) == DATA
    assert len(site.asked) >= 4


@pytest.mark.parametrize(
    ("faults", "path", "message"),
    [
        ([503] * 4, "/a.bin", "answers 503 after 4 tries"),
        ([403], "/a.bin", "answers 403 after 1 tries"),
        ([], "/none", "answers 404"),
    ],
)
def test_what_fails_for_good_is_one_line(site: Site, faults: list[int], path: str, message: str) -> None:
    site.files["/a.bin"], site.faults = DATA, faults
    with pytest.raises(StorageError, match=message) as caught:
        storage.read_bytes(storage.locate(site.address + path))
    assert "\n" not in str(caught.value)


def test_an_empty_file_and_one_that_is_not_there(site: Site) -> None:
    site.files["/a.bin"] = b""
    assert storage.read_bytes(storage.locate(f"{site.address}/a.bin")) == b""
    assert storage.stat(storage.locate(f"{site.address}/none")) is None


def test_a_server_that_is_not_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_TRIES", 2)
    with pytest.raises(StorageError, match="cannot be reached after 2 tries"):
        storage.read_bytes(storage.locate("http://127.0.0.1:9/a.bin"))


def test_nothing_can_be_written(site: Site) -> None:
    with pytest.raises(StorageError, match="can only be read"):
        storage.write_bytes(storage.locate(f"{site.address}/a.bin"), b"x")
    with pytest.raises(StorageError, match="lists no folders"):
        storage.list_files(storage.locate(f"{site.address}/"))
