"""Batches as a part of the endpoint: their paths, and the worker that lives as long as the application does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.gateway.batch.inside import Inside
from app.gateway.batch.paths import add_batches, add_files
from app.gateway.batch.runner import BatchRunner
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from app.gateway.service import Service


def add_batch(app: FastAPI, service: Service, store: BatchStore) -> None:
    """Files and batches that are kept in `store`; they run through this very application."""
    worker = BatchWorker(store, BatchRunner(store, Inside(app).ask))
    add_files(app, service, store)
    add_batches(app, service, store, worker)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[None]:
        async with before(started):
            working = asyncio.create_task(worker.work())
            try:
                yield
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    app.router.lifespan_context = lifespan
