"""Files behind http(s) addresses as a pyarrow filesystem that can only be read: sizes, streams, ranges, bounded retries.

Not for folders: HTTP lists none.
"""

import email.utils
import io
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import httpx
import pyarrow as pa
from pyarrow import fs

_TRIES = 4
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0  # seconds; doubled from try to try, unless the server says how long
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_ABSENT = (404, 410)
_AHEAD = 1 << 20  # bytes asked for at once
_RANGES_IN_MEMORY = 1 << 30  # bytes of a file whose server gives no ranges
Result = TypeVar("Result")


@cache
def web_filesystem() -> fs.FileSystem:
    return fs.PyFileSystem(_Web(_client()))


@cache
def _client() -> httpx.Client:
    return httpx.Client(
        timeout=_TIMEOUT, follow_redirects=True, headers={"Accept-Encoding": "identity", "User-Agent": "hanlin"}
    )


def _retried(url: str, ask: Callable[[], Result]) -> Result:
    """OSError, with the address and what the server said, after the last try."""
    wait = _FIRST_WAIT
    for left in reversed(range(_TRIES)):
        try:
            return ask()
        except httpx.HTTPStatusError as error:
            status, told = error.response.status_code, error.response.headers.get("Retry-After", "")
            if status in _ABSENT:
                raise FileNotFoundError(f"{url} answers {status}") from error
            if status not in _AGAIN or not left:
                raise OSError(f"{url} answers {status} after {_TRIES - left} tries") from error
            wait = float(told) if told.isdecimal() else wait
        except httpx.TransportError as error:
            if not left:
                raise OSError(f"{url} cannot be reached after {_TRIES} tries: {type(error).__name__} {error}") from error
        except httpx.HTTPError as error:
            raise OSError(f"{url}: {type(error).__name__} {error}") from error
        time.sleep(min(wait, _LONGEST_WAIT))
        wait *= 2
    raise AssertionError("the last try answers or raises")


class _Address:
    """One address: how large it is, and any range of its bytes."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client, self.url = client, url
        self.size, self.changed, self.ranges = _retried(url, self._look)
        self._whole: bytes | None = None

    def _look(self) -> tuple[int, float, bool]:
        """By asking for the first byte, which unlike HEAD every server answers as it will answer later."""
        with self._client.stream("GET", self.url, headers={"Range": "bytes=0-0"}) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return 0, _changed(answer), False
            answer.raise_for_status()
            ranged = answer.status_code == httpx.codes.PARTIAL_CONTENT
            total = (
                answer.headers.get("Content-Range", "").rpartition("/")[2]
                if ranged
                else answer.headers.get("Content-Length", "")
            )
            if total.isdecimal():
                return int(total), _changed(answer), ranged
        return len(self._fetch()), 0.0, False

    def _fetch(self) -> bytes:
        """All of it, where the server says no size or gives no ranges. Raises OSError where that is too much."""
        with self._client.stream("GET", self.url) as answer:
            answer.raise_for_status()
            blocks, left = [], _RANGES_IN_MEMORY
            for block in answer.iter_bytes(_AHEAD):
                blocks.append(block)
                left -= len(block)
                if left < 0:
                    raise OSError(f"{self.url} has more than {_RANGES_IN_MEMORY} bytes and its server gives no ranges")
            return b"".join(blocks)

    def read(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        if not self.ranges:
            self._whole = _retried(self.url, self._fetch) if self._whole is None else self._whole
            return self._whole[start:stop]
        return _retried(self.url, lambda: self._range(start, stop))

    def _range(self, start: int, stop: int) -> bytes:
        answer = self._client.get(self.url, headers={"Range": f"bytes={start}-{stop - 1}"})
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT or len(answer.content) != stop - start:
            raise OSError(f"{self.url} gives other bytes than asked for: did it change?")
        return answer.content


def _changed(answer: httpx.Response) -> float:
    """Seconds; 0 where the server does not say."""
    try:
        return email.utils.parsedate_to_datetime(answer.headers.get("Last-Modified", "")).timestamp()
    except (TypeError, ValueError):
        return 0.0


class _File(io.RawIOBase):
    """Reads range after range; what is lost on the way is asked for again."""

    def __init__(self, address: _Address) -> None:
        self._address, self._at = address, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._address.size}[whence]
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self._address.read(self._at, min(self._at + len(buffer), self._address.size))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def size(self) -> int:
        return self._address.size


class _Web(fs.FileSystemHandler):
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get_type_name(self) -> str:
        return "http"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: str | list[str]) -> list[fs.FileInfo]:
        return [self._info(path) for path in ([paths] if isinstance(paths, str) else paths)]

    def _info(self, path: str) -> fs.FileInfo:
        try:
            address = _Address(self._client, path)
        except FileNotFoundError:
            return fs.FileInfo(path, fs.FileType.NotFound)
        return fs.FileInfo(path, fs.FileType.File, size=address.size, mtime=address.changed or None)

    def open_input_file(self, path: str) -> pa.PythonFile:
        return pa.PythonFile(io.BufferedReader(_File(_Address(self._client, path)), _AHEAD), mode="r")

    def open_input_stream(self, path: str) -> pa.PythonFile:
        return self.open_input_file(path)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        raise OSError(f"HTTP lists no folders: {selector.base_dir}")

    def _refuse(self, *_: object, **__: object) -> Any:
        raise OSError("an http(s) address can only be read")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = move = copy_file = _refuse
    open_output_stream = open_append_stream = _refuse
