"""The bytes of one file or member from front to back, in bounded memory, with a look ahead. Not for where they come from."""

import io
from typing import IO, Protocol, cast

from workloads.corpus.reading.record import BadData

BLOCK = 1 << 20


class Readable(Protocol):
    """What is asked of a stream: at most `size` bytes, none at its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Source:
    """`ceiling`: bytes after which reading is given up. `file`: the same bytes with seeking, where the place offers it."""

    def __init__(self, raw: Readable, ceiling: int | None = None, file: IO[bytes] | None = None) -> None:
        self._raw, self._left, self._file = raw, ceiling, file
        self._held = b""
        self._bad: BadData | None = None

    def head(self, size: int) -> bytes:
        """The next bytes, up to `size`, without taking them; fewer at the end or before damage."""
        while len(self._held) < size and self._bad is None:
            try:
                block = self._step(size - len(self._held))
            except BadData as bad:
                self._bad = bad
                break
            if not block:
                break
            self._held += block
        return self._held[:size]

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, perhaps fewer; none at the end. Raises BadData where no good bytes are left before damage."""
        size = BLOCK if size < 0 else size
        if self._held:
            taken, self._held = self._held[:size], self._held[size:]
            return taken
        if self._bad is not None:
            raise self._bad
        return self._step(size)

    def whole(self, limit: int) -> bytes:
        """All that is left. Raises BadData where it is more than `limit` bytes."""
        blocks: list[bytes] = []
        left = limit + 1
        while left > 0 and (block := self.read(min(left, BLOCK))):
            blocks.append(block)
            left -= len(block)
        data = b"".join(blocks)
        if len(data) > limit:
            raise BadData("too large", f"more than {limit} bytes")
        return data

    def seekable(self, limit: int) -> IO[bytes]:
        """The bytes as a file with seeking: the place's own, or up to `limit` bytes in memory. Raises BadData."""
        return self._file if self._file is not None else cast(IO[bytes], io.BytesIO(self.whole(limit)))

    def _step(self, size: int) -> bytes:
        block = self._raw.read(size)
        if self._left is not None:
            self._left -= len(block)
            if self._left < 0:
                raise BadData("member too large", "more bytes than max_member_bytes allows")
        return block
