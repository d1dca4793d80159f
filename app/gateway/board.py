"""How a routing table reaches every gateway at once: a small named actor that the gateways wait on.

Serve's `user_config` would take each gateway out of routing while it changes and could mix two tables in one stream
(measured with Ray 2.60); a handle call reaches one gateway of several. Here a waiting call returns the moment a table is set, a
gateway that starts later reads the newest one, and a restarted board takes its table back from the gateways.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import ray
from ray._private.state import state
from ray.exceptions import RayError

from app.gateway.routes import Table

# Memory places these actors where there is some, which the head of a cluster offers none of; a fraction of a processor would keep
# a whole-processor task from a small machine for ever, and an actor that asks for nothing lands on the head and dies with it.
GATEWAY_MEMORY = 200 << 20
_BOARD_MEMORY = 50 << 20
_NAME, _NAMESPACE = "hanlin-routes", "hanlin"
_WAIT_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class RouteBoard:
    """The actor's body: the newest table with its version, and what each gateway has."""

    def __init__(self) -> None:
        self._version, self._table = 0, dict[str, Any]()
        self._changed = asyncio.Condition()
        self._gateways: dict[str, tuple[int, float]] = {}

    async def set(self, table: Table, seconds: float) -> bool:
        """A new table; True once every gateway that is there has it, False where that took longer than `seconds`."""
        async with self._changed:
            self._version, self._table = self._version + 1, dict(table)
            version = self._version
            self._changed.notify_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: self._all_have(version)), seconds)
            return self._all_have(version)

    async def get(self) -> Table:
        return self._table

    async def newer(self, gateway: str, version: int, table: Table) -> tuple[int, Table]:
        """The table after `version`, at once or when there is one; the same again after a while. A board that knows less
        than the gateway takes the gateway's table."""
        async with self._changed:
            if version > self._version:
                self._version, self._table = version, dict(table)
            self._gateways[gateway] = (version, time.monotonic())
            self._changed.notify_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: self._version > version), _WAIT_SECONDS)
            if await asyncio.to_thread(machine_leaves):
                os._exit(1)  # Ray starts it elsewhere; a machine that is told to go waits for whatever is on it
            return self._version, self._table

    def _all_have(self, version: int) -> bool:
        alive = time.monotonic() - 2 * _WAIT_SECONDS
        return all(has >= version for has, seen in self._gateways.values() if seen > alive)


def machine_leaves() -> bool:
    """Whether the machine that this actor is on was told to go."""
    return ray.get_runtime_context().get_node_id() in state.get_draining_nodes()


def open_board() -> Any:
    """The board's actor handle; it is started where there is none and outlives the driver on a cluster."""
    actor: Any = ray.remote(RouteBoard)
    return actor.options(
        name=_NAME,
        namespace=_NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        memory=_BOARD_MEMORY,
        max_restarts=-1,
        max_task_retries=3,
        max_concurrency=1000,
    ).remote()


def close_board() -> None:
    """End the board; no gateway follows it any more."""
    with contextlib.suppress(ValueError):
        ray.kill(ray.get_actor(_NAME, namespace=_NAMESPACE))


async def follow(gateway: str, apply: Callable[[Table], None]) -> None:
    """Keep a gateway's table the newest, for ever. While the board is away the last table stays."""
    version, table = 0, dict[str, Any]()
    while True:
        try:
            newest, found = await open_board().newer.remote(gateway, version, table)
        except RayError:
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        if newest != version:
            version, table = newest, dict(found)
            apply(table)
