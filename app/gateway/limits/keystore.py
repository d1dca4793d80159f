"""Where API keys are kept: one JSON file at a URI, replaced as a whole. A gateway sees within a second that it changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from pydantic import ValidationError

from app.gateway.limits.keys import ApiKey, KeyRing
from app.gateway.watched import Watched
from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.claim import claimed
from cluster.config import Spec
from cluster.errors import InputError, UnavailableError


class _File(Spec):
    keys: tuple[ApiKey, ...] = ()


def keys_of(store: ArtifactStore) -> str:
    """The URI of a store's own keys, which are good where a recipe names no others."""
    return (store.root / "keys.json").uri


def read_keys(uri: str) -> KeyRing:
    """All keys of a file; none where there is no file. Raises InputError for one that is no key file, StorageError."""
    place = storage.locate(uri)
    if storage.stat(place) is None:
        return KeyRing({})
    try:
        found = _File.model_validate_json(storage.read_bytes(place))
    except ValidationError as error:
        raise InputError(f"{place} is not a file of API keys", "what `hanlin keys create` writes", "restore it") from error
    return KeyRing({key.id: key for key in found.keys})


@contextmanager
def changing_keys(uri: str) -> Iterator[KeyRing]:
    """The keys, for the block to write back; nobody else changes them meanwhile. Raises UserError where somebody does."""
    base, mark, query = uri.partition("?")
    with claimed(storage.locate(f"{base}.claim{mark}{query}"), f"the file of API keys {base}"):
        yield read_keys(uri)


def write_keys(uri: str, ring: KeyRing) -> None:
    """Replace the file; on a local disk only its owner may read it."""
    storage.write_bytes(storage.locate(uri), file_of(ring), private=True)


def file_of(ring: KeyRing) -> bytes:
    """The file's content."""
    return _File(keys=tuple(ring.keys.values())).model_dump_json(indent=1).encode()


class WatchedKeys:
    """The keys of a file as a gateway needs them."""

    def __init__(self, uri: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._ring = Watched(uri, read_keys, "api_keys", clock)

    async def check(self, presented: str, now: datetime) -> ApiKey:
        """The key that was presented. Raises ApiKeyError; UnavailableError where the file could never be read."""
        ring = await self._ring.content()
        if ring is None:
            raise UnavailableError("the API keys cannot be read", "", "send the request again shortly")
        return ring.check(presented, now)
