"""Which block of the key/value cache holds what: free ones, those in use, and those kept for prompts that begin alike.

Numbers alone; the memory is paged.py's. A full block is known by the block before it and its own tokens, exactly, so two
prompts share blocks as far as they are equal and never further.
"""

from collections import OrderedDict
from collections.abc import Sequence

BLOCK_TOKENS = 32
"""Tokens per block: what OpenVINO's paged attention wants on a processor."""

_Key = tuple[int, tuple[int, ...]]


class BlockPool:
    """`count` blocks. Up to `most_idle` known blocks are kept though nobody uses them: more would, over time, touch the memory
    of every block there is. The one unused for longest is forgotten first."""

    def __init__(self, count: int, most_idle: int) -> None:
        self._most_idle = most_idle
        self._free = list(range(count - 1, -1, -1))
        self._users = [0] * count
        self._keys: list[_Key | None] = [None] * count
        self._known: dict[_Key, tuple[int, int]] = {}  # -> (block, its place in a chain)
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._places = 0

    def take(self) -> int:
        """A block to write into. There is one as long as no more are used than the pool was made for."""
        enough_idle = len(self._idle) >= max(self._most_idle, 1)
        block = self._forget_oldest() if enough_idle or not self._free else self._free.pop()
        self._users[block] = 1
        return block

    def find(self, tokens: Sequence[int]) -> tuple[list[int], int]:
        """Blocks with the beginning of `tokens`, from now on used by the caller, and the place in the chain of the last. At
        least one token is left over, whose logits say what comes next."""
        blocks: list[int] = []
        place = 0
        for end in range(BLOCK_TOKENS, len(tokens), BLOCK_TOKENS):
            found = self._known.get((place, tuple(tokens[end - BLOCK_TOKENS : end])))
            if found is None:
                break
            block, place = found
            blocks.append(block)
            self._use(block)
        return blocks, place

    def know(self, block: int, place: int, tokens: Sequence[int]) -> int:
        """`block` is full of `tokens`, after the chain that ends at `place`: the place that it has. A second block with the
        same content gets the place of the first and stays unknown."""
        key = (place, tuple(tokens))
        if key in self._known:
            return self._known[key][1]
        self._places += 1
        self._known[key] = (block, self._places)
        self._keys[block] = key
        return self._places

    def release(self, blocks: Sequence[int]) -> None:
        """The caller uses these no more; the end of a chain is forgotten before its beginning."""
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block]:
                continue
            if self._keys[block] is None:
                self._free.append(block)
            else:
                self._idle[block] = None

    def _use(self, block: int) -> None:
        self._idle.pop(block, None)
        self._users[block] += 1

    def _forget_oldest(self) -> int:
        block, _ = self._idle.popitem(last=False)
        key = self._keys[block]
        assert key is not None
        del self._known[key]
        self._keys[block] = None
        return block
