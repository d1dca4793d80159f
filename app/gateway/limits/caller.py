"""Whose request this is, for all that happens on its way. Set once by the guard, read wherever it matters."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

OWNER = "hanlin_owner"
"""Key of an ASGI scope: the tenant of a request that the endpoint asks itself. No header and so no client can set it."""


@dataclass(frozen=True)
class Caller:
    """`tenant` is empty where the endpoint needs no keys. `deadline`, in seconds of time.monotonic(), is the client's own."""

    tenant: str = ""
    deadline: float | None = None
    cached: bool = True
    """Whether a kept answer may be given, and this one kept."""

    def seconds_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()


_caller: ContextVar[Caller] = ContextVar("hanlin_caller", default=Caller())  # noqa: B039 - frozen


def current_caller() -> Caller:
    return _caller.get()


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """The caller of everything in the block, also of tasks that are started in it."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
