"""A client's deadline ends what it waits for."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from app.gateway.limits.deadline import until
from cluster.errors import UnavailableError


def test_events_in_time_pass_and_the_deadline_closes_the_source() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def run() -> None:
        events = until(time.monotonic() + 0.05, source())
        assert [await anext(events), await anext(events)] == [1, 2]
        with pytest.raises(UnavailableError, match="deadline"):
            await anext(events)
        assert closed == [True]

    asyncio.run(run())


def test_without_a_deadline_all_events_pass() -> None:
    async def source() -> AsyncGenerator[int, None]:
        for each in range(3):
            await asyncio.sleep(0)
            yield each

    async def run() -> None:
        assert [each async for each in until(None, source())] == [0, 1, 2]

    asyncio.run(run())
