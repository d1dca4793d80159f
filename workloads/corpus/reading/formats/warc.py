"""Web archives: WARC, where a record holds a page, and WET, where it holds a page's text. Position: the record's number."""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from workloads.corpus.reading import encoding
from workloads.corpus.reading.format import Format
from workloads.corpus.reading.main_text import REQUIRED, decode_page, main_text
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record, readable
from workloads.corpus.reading.source import BLOCK, Source
from workloads.corpus.reading.text_lines import decode

_HEADER_LIMIT = 64 << 10
_BEGIN = b"WARC/"
_CHARSET = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)
_KINDS = ("warcinfo", "request", "response", "resource", "metadata", "revisit", "conversion", "continuation")
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class _Entry:
    """One record of the archive: its named fields in lower case, and its body."""

    fields: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.fields.get("warc-type", "").lower()


class Warc(Format):
    """Pages (`response`) give their main text, `conversion` records their text; the other kinds hold no document. The
    page's host is the record's source."""

    name, endings = "warc", ("warc", "wet")
    modules: ClassVar[tuple[str, ...]] = REQUIRED

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        reader = _Reader(source, limits.line)
        number, no_pages = 0, 0
        while True:
            number += 1
            try:
                entry = reader.next()
            except BadData as bad:
                yield bad.record(number)
                if bad.problem not in _GOES_ON:
                    break
                continue
            if entry is None:
                break
            record = _record(number, entry, limits.line)
            if record is not None:
                yield record
            no_pages += record is None and entry.kind == "response"
        if no_pages:
            yield Record(0, f"{no_pages} answers are no page, or none with status 200", problem="records passed over")


_GOES_ON = ("damaged record", "too large")


class _Reader:
    """Record after record. After a damaged one it goes on at the next line that begins a record."""

    def __init__(self, source: Source, limit: int) -> None:
        self._source, self._limit, self._held = source, limit, b""

    def next(self) -> _Entry | None:
        if not self._find_begin():
            return None
        fields = _fields(self._header())
        size = fields.get("content-length", "")
        if not size.isdecimal():
            raise BadData("damaged record", f"Content-Length is {size!r}")
        if int(size) > self._limit:
            self._skip(int(size))
            raise BadData("too large", f"{size} bytes at {fields.get('warc-target-uri', '')}")
        return _Entry(fields, self._take(int(size)))

    def _find_begin(self) -> bool:
        """Blank lines divide records; anything else there is damage and passed over with one problem."""
        skipped = b""
        while True:
            self._held = self._held.lstrip(b"\r\n")
            if self._held.startswith(_BEGIN):
                if skipped:
                    raise BadData("damaged record", "bytes between records", skipped)
                return True
            at = self._held.find(b"\n" + _BEGIN)
            if at >= 0:
                skipped = skipped or self._held[:at]
                self._held = self._held[at + 1 :]
                continue
            if len(self._held) >= len(_BEGIN):
                skipped = skipped or self._held[:BLOCK]
                self._held = self._held[-len(_BEGIN) :]
            block = self._source.read(BLOCK)
            if not block:
                if skipped or self._held.strip():
                    self._held = b""
                    raise BadData("damaged record", "bytes after the last record", skipped)
                return False
            self._held += block

    def _header(self) -> bytes:
        while (end := _end_of_header(self._held)) < 0:
            if len(self._held) > _HEADER_LIMIT:
                self._held = self._held[len(_BEGIN) :]
                raise BadData("damaged record", "a header without an end")
            block = self._source.read(BLOCK)
            if not block:
                rest, self._held = self._held, b""
                raise BadData("damaged record", "the header ends early", rest)
            self._held += block
        header, self._held = self._held[:end], self._held[end:]
        return header

    def _take(self, size: int) -> bytes:
        blocks, have = [self._held], len(self._held)
        while have < size and (block := self._source.read(BLOCK)):
            blocks.append(block)
            have += len(block)
        data = b"".join(blocks)
        self._held = data[size:]
        if len(data) < size:
            raise BadData("damaged record", "the record ends early", data)
        return data[:size]

    def _skip(self, size: int) -> None:
        while len(self._held) < size:
            size -= len(self._held)
            self._held = self._source.read(BLOCK)
            if not self._held:
                return
        self._held = self._held[size:]


def _end_of_header(data: bytes) -> int:
    ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark)) >= 0]
    return min(ends, default=-1)


def _fields(header: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in header.decode("utf-8", "replace").splitlines()[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _record(number: int, entry: _Entry, limit: int) -> Record | None:
    """None for what holds no document."""
    kind = entry.kind
    host = _host(entry.fields.get("warc-target-uri", ""))
    if kind not in _KINDS:
        return Record(number, f"WARC-Type is {kind!r}", problem="damaged record")
    try:
        if kind == "conversion":
            made = decode(number, encoding.strip_mark(entry.body), encoding.UTF8)
            return Record(number, made.text, host, made.problem)
        page = _page(entry, limit) if kind in ("response", "resource") else None
    except (BadData, ValueError) as error:
        return Record(number, readable(entry.body), problem=error.problem if isinstance(error, BadData) else "damaged record")
    if page is None:
        return None
    text = main_text(page)
    return (
        Record(number, text, host) if text else Record(number, entry.fields.get("warc-target-uri", ""), problem="no main text")
    )


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _page(entry: _Entry, limit: int) -> str | None:
    if entry.kind == "resource":
        kind = entry.fields.get("content-type", "")
        return decode_page(entry.body, _charset(kind)) if kind.lower().startswith(_PAGES) else None
    end = _end_of_header(entry.body)
    if end < 0 or not entry.body.startswith(b"HTTP/"):
        raise BadData("damaged record", "no HTTP answer")
    status = entry.body.split(b" ", 2)[1:2]
    fields, body = _fields(entry.body[:end]), entry.body[end:]
    if status != [b"200"] or not fields.get("content-type", "").lower().startswith(_PAGES):
        return None
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = _joined(body)
    return decode_page(_unpacked(body, fields.get("content-encoding", ""), limit), _charset(fields["content-type"]))


def _charset(content_type: str) -> str:
    match = _CHARSET.search(content_type)
    return match[1] if match else ""


def _joined(body: bytes) -> bytes:
    """Without the sizes of its chunks; as it is where it has none, as in archives that took them out and kept the header."""
    chunks: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at)
        try:
            size = int(body[at : max(end, at)].split(b";")[0].strip() or b"x", 16)
        except ValueError:
            return b"".join(chunks) or body
        if size == 0 or end < 0:
            return b"".join(chunks)
        chunks.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _unpacked(body: bytes, how: str, limit: int) -> bytes:
    how = how.lower().strip()
    if how in ("", "identity") or (how in ("gzip", "x-gzip") and body[:2] != b"\x1f\x8b"):
        return body
    if how not in ("gzip", "x-gzip", "deflate"):
        raise BadData("unknown packing", how)
    try:
        data = zlib.decompressobj(47 if body[:1] in (b"\x1f", b"\x78") else -zlib.MAX_WBITS).decompress(body, limit + 1)
    except zlib.error as error:
        raise BadData("damaged record", str(error)) from error
    if len(data) > limit:
        raise BadData("too large", f"more than {limit} bytes unpacked")
    return data
