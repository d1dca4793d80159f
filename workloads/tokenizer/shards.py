"""Shards written by Ray tasks, a few at a time, while the next are encoded. Not for what is in a shard: see pack.py."""

from collections import deque
from types import TracebackType
from typing import Any

import pyarrow as pa
import ray

from cluster.errors import HanlinError
from cluster.memory import give_back
from workloads.tokenizer.pack import Shard, write_shard

_GIVE_UP_SECONDS = 60.0


class ShardTasks:
    """`write` takes references to a shard's tables. Leaving the block waits until all is written, or, where something failed,
    until nothing is written any more: none may write into a folder that is given up."""

    def __init__(self, at_once: int) -> None:
        self._at_once, self._waiting = at_once, deque[Any]()

    def write(self, shard: Shard, *tables: Any) -> None:
        """Raises what a person can read where an earlier shard could not be written."""
        while len(self._waiting) >= self._at_once:
            self._take()
        self._waiting.append(_write.remote(shard, *tables))

    def __enter__(self) -> "ShardTasks":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            while self._waiting and kind is None:
                self._take()
        finally:
            if self._waiting:
                ray.wait(list(self._waiting), num_returns=len(self._waiting), timeout=_GIVE_UP_SECONDS, fetch_local=False)

    def _take(self) -> None:
        try:
            ray.get(self._waiting.popleft())
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, HanlinError):
                raise error.cause from error
            raise


@ray.remote(num_cpus=1)
def _write(shard: Shard, *tables: pa.Table) -> None:
    give_back()
    write_shard(shard, *tables)
