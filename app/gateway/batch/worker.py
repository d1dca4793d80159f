"""Takes up batches that nobody runs: new ones, and those of a gateway that is gone. Every gateway has one."""

import asyncio
import logging
from contextlib import suppress

from app.gateway.batch.record import Batch
from app.gateway.batch.runner import BatchRunner
from app.gateway.batch.store import BatchStore
from cluster.errors import HanlinError, UserError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 30.0
"""Between two looks at what other gateways left; a batch that this one took begins at once."""


class BatchWorker:
    """Runs batches, one after the other, until it is cancelled."""

    def __init__(self, store: BatchStore, runner: BatchRunner) -> None:
        self._store, self._runner = store, runner
        self._new = asyncio.Event()

    def wake(self) -> None:
        """There is a new batch."""
        self._new.set()

    async def work(self) -> None:
        while True:
            self._new.clear()
            await self.round()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):  # wait_for (Python 3.11) forgets an end that comes with a new batch
                    await self._new.wait()

    async def round(self) -> None:
        """Run what is there and nobody else runs. What fails is told, and tried again in the next round."""
        try:
            found = await asyncio.to_thread(self._store.unfinished)
        except HanlinError as error:  # a store that is away
            event(_LOG, "batches_unseen", logging.WARNING, reason=str(error))
            return
        for batch in found:
            try:
                await self._claimed(batch)
            except UserError:  # another gateway runs it
                continue
            except Exception:  # noqa: BLE001 - the other batches, and the gateway, go on
                _LOG.exception("batch_failed")

    async def _claimed(self, batch: Batch) -> None:
        claim = self._store.running(batch)
        await asyncio.to_thread(claim.__enter__)
        try:
            ended = await self._runner.run(batch)
        finally:
            await asyncio.to_thread(claim.__exit__, None, None, None)
        event(_LOG, "batch", batch=ended.id, status=ended.status, completed=ended.completed, failed=ended.failed)
