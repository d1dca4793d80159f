"""A client's own deadline: what it has not got by then it no longer wants."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from cluster.errors import UnavailableError

T = TypeVar("T")


async def until(deadline: float | None, events: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same events. Raises UnavailableError at the deadline, in seconds of time.monotonic(); leaving early, for that or
    another reason, closes them."""
    async with aclosing(events):
        while True:
            try:
                async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise UnavailableError(
                    "the request took longer than its deadline", "", "allow it more time, or ask for fewer tokens"
                ) from error
            yield event
