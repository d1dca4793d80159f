"""The second level: kept answers in Redis or Valkey, for all gateways. A server that is away costs a request no time.

The first failure opens the circuit: from then on nobody waits for the server, one warning is logged, and a task of its own
asks every second whether it is back. Not for what is kept or under which name (cache.py, key.py).
"""

import asyncio
import logging
from importlib.util import find_spec
from typing import Any

from cluster.environment import redis_password
from cluster.errors import DependencyError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_PATIENCE_SECONDS = 0.1
"""Longest that one request waits for the server, once until the circuit opens; an answer from it takes about 1 ms."""
_PROBE_SECONDS = 1.0
_MOST_WRITES = 256
"""Answers on the way to the server at once; more are not sent."""
_PREFIX = "hanlin:answer:"


class SharedAnswers:
    """Answers by name. `seconds` is how long the server keeps one."""

    def __init__(self, address: str, seconds: int) -> None:
        self._client, self._failures = _connect(address)
        self._seconds = seconds
        self._probing: asyncio.Task[None] | None = None
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def open_circuit(self) -> bool:
        """Whether the server counts as away."""
        return self._probing is not None

    async def get(self, key: str) -> bytes | None:
        """The answer, or None where there is none or no server."""
        if self.open_circuit:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                found: bytes | None = await self._client.get(_PREFIX + key)
                return found
        except self._failures as error:
            self._away(error)
            return None

    def put(self, key: str, answer: bytes) -> None:
        """Send an answer to the server; nobody waits for that."""
        if self.open_circuit or len(self._writes) >= _MOST_WRITES:
            return
        task = asyncio.create_task(self._write(key, answer))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Finish what is being written and let the server go."""
        await asyncio.gather(*self._writes)
        if self._probing is not None:
            self._probing.cancel()
        await self._client.aclose()

    async def _write(self, key: str, answer: bytes) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._client.set(_PREFIX + key, answer, ex=self._seconds)
        except self._failures as error:
            self._away(error)

    def _away(self, error: Exception) -> None:
        if self._probing is None:
            event(_LOG, "shared_cache_away", logging.WARNING, reason=f"{type(error).__name__}: {error}"[:200])
            self._probing = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._client.connection_pool.disconnect()  # the others of the pool are broken too
                    await self._client.ping()
            except self._failures:
                continue
            event(_LOG, "shared_cache_back")
            self._probing = None
            return


def require_redis() -> None:
    """Raises DependencyError where the client is not installed."""
    if find_spec("redis") is None:
        raise DependencyError(
            "serving.cache.redis needs the package redis", "", "pip install 'hanlin[redis]', or take the key out"
        )


def _connect(address: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """A client, and what it raises where the server is away, full or not what it should be."""
    require_redis()
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    pool = BlockingConnectionPool.from_url(
        address,
        password=redis_password() or None,
        max_connections=32,
        timeout=_PATIENCE_SECONDS,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool), (RedisError, OSError, TimeoutError)
