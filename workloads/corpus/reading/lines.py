"""Lines of bytes in bounded memory: what is longer than the limit is passed over block by block."""

from collections.abc import Iterator

from workloads.corpus.reading.record import BadData
from workloads.corpus.reading.source import BLOCK, Readable

TOO_LONG = "line too long"


def read_line_blocks(stream: Readable, limit: int, length: int | None = None) -> Iterator[list[bytes | None]]:
    """Each line without its newline, None for one longer than `limit` bytes, in lists of those that end in one block, since a
    call per line costs more than splitting. Ends after `length` bytes where given. Raises BadData, with the line that it cut,
    after the last whole line of damaged data."""
    held: list[bytes] = []  # of the line that the block before did not end
    size, left = 0, length
    while block := _next_block(stream, left, held):
        left = None if left is None else left - len(block)
        ended: list[bytes | None] = [*block.split(b"\n")]
        rest = ended.pop() or b""
        if ended:
            size += len(ended[0] or b"")
            ended[0] = None if size > limit else b"".join([*held, ended[0] or b""])
            held, size = [], 0
            if len(block) > limit:
                ended = [line if line is None or len(line) <= limit else None for line in ended]
            yield ended
        size += len(rest)
        held = [*held, rest] if size <= limit else []
    if size:
        yield [None if size > limit else b"".join(held)]


def _next_block(stream: Readable, left: int | None, held: list[bytes]) -> bytes:
    if left is not None and left <= 0:
        return b""
    try:
        return stream.read(BLOCK if left is None else min(BLOCK, left))
    except BadData as bad:
        raise BadData(bad.problem, bad.why, b"".join(held)[:BLOCK]) from bad
