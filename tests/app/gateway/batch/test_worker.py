"""The worker ends when it is told to, whatever comes at that very moment."""

import asyncio
from pathlib import Path
from typing import Any, cast

from app.gateway.batch.runner import BatchRunner
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from cluster.storage import locate


def test_a_batch_that_comes_with_the_end_does_not_hold_it_up(tmp_path: Path) -> None:
    async def run() -> None:
        worker = BatchWorker(BatchStore(locate(str(tmp_path))), cast(BatchRunner, None))
        working = asyncio.create_task(worker.work())
        new: Any = worker._new
        while not new._waiters:
            await asyncio.sleep(0)
        worker.wake()
        working.cancel()
        done, _ = await asyncio.wait({working}, timeout=10)
        assert done
        assert working.cancelled()

    asyncio.run(run())
