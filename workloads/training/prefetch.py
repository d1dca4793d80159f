"""Make what comes next while the present is used, in one thread of its own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Ahead(Generic[Key, Value]):
    """The values of keys that mostly come in the order of `following`; any other key is made when it is asked for. `waited`:
    seconds that callers spent waiting."""

    def __init__(self, make: Callable[[Key], Value], following: Callable[[Key], Key]) -> None:
        self._make, self._following = make, following
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hanlin-ahead")
        self._next: tuple[Key, Future[Value]] | None = None
        self.waited = 0.0

    def take(self, key: Key) -> Value:
        """The value of this key. Raises what making it raised."""
        began = time.perf_counter()
        ready, self._next = self._next, None
        value = ready[1].result() if ready is not None and ready[0] == key else self._make(key)
        self.waited += time.perf_counter() - began
        after = self._following(key)
        self._next = (after, self._pool.submit(self._make, after))
        return value
