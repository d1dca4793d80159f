"""A file at a URI that others replace while a gateway runs: looked at again once a second while requests come.

While it cannot be read, the last content that could be stays good. Not for what is in it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cluster import storage
from cluster.errors import HanlinError, StorageError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
Content = TypeVar("Content")


class Watched(Generic[Content]):
    """`read` turns the URI into content, also where no file is there; `called` names it in the log."""

    def __init__(
        self, uri: str, read: Callable[[str], Content], called: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._uri, self._read, self._called, self._clock = uri, read, called, clock
        self._content: Content | None = None
        self._seen: object = None
        self._looked = float("-inf")
        self._one_looks = asyncio.Lock()

    async def content(self) -> Content | None:
        """None where it could never be read."""
        if self._clock() - self._looked > _LOOK_SECONDS:
            async with self._one_looks:
                if self._clock() - self._looked > _LOOK_SECONDS:
                    await self._look()
        return self._content

    async def _look(self) -> None:
        try:
            seen = await asyncio.to_thread(storage.stat, storage.locate(self._uri))
            if seen != self._seen or self._content is None:
                self._content, self._seen = await asyncio.to_thread(self._read, self._uri), seen
                event(_LOG, f"{self._called}_read")
        except (HanlinError, OSError) as error:
            kind = "StorageError" if isinstance(error, StorageError | OSError) else type(error).__name__
            event(_LOG, f"{self._called}_unreadable", logging.WARNING, reason=f"{kind}: {error}"[:200])
        self._looked = self._clock()
