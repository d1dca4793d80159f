"""/v1/files and /v1/batches. A caller sees what is its own."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, Form, Path, Query, UploadFile
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field

from app.gateway.batch.files import StoredFile
from app.gateway.batch.lines import ENDPOINTS
from app.gateway.batch.record import Batch
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from app.gateway.body import Body
from app.gateway.described import BatchEntry, BatchList, Deleted, FileEntry, FileList, answers
from app.gateway.service import Service
from app.gateway.shapes import Json
from cluster import storage
from cluster.errors import RequestError
from cluster.observe.logs import context_fact

_ID = r"^[A-Za-z0-9_-]{1,100}$"
_BLOCK = 1 << 20
Id = Annotated[str, Path(pattern=_ID)]
After = Annotated[str | None, Query(pattern=_ID)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Item = TypeVar("Item", StoredFile, Batch)


class BatchBody(Body):
    input_file_id: str = Field(pattern=_ID)
    endpoint: str
    completion_window: Literal["24h"]
    metadata: Annotated[dict[str, str], Field(max_length=64)] | None = None


def add_files(app: FastAPI, service: Service, store: BatchStore) -> None:
    @app.post("/v1/files", responses=answers(FileEntry))
    async def upload(file: UploadFile, purpose: Annotated[str, Form()]) -> Response:
        if purpose != "batch":
            raise RequestError(f"the purpose {purpose[:64]!r}", "batch", "upload batches of requests", param="purpose")
        kept = await asyncio.to_thread(_keep, store, file)
        return service.counted("files", JSONResponse(_told(kept)))

    @app.get("/v1/files", responses=answers(FileList))
    async def files(after: After = None, limit: Limit = 10_000, purpose: str | None = None) -> Response:
        found = await asyncio.to_thread(store.files(_owner()).all)
        wanted = [file for file in found if purpose in (None, file.purpose)]
        return service.counted("files", JSONResponse(_page(wanted, after, limit)))

    @app.get("/v1/files/{name}", responses=answers(FileEntry))
    async def show(name: Id) -> Response:
        return service.counted("files", JSONResponse(_told(await asyncio.to_thread(store.files(_owner()).show, name))))

    @app.get("/v1/files/{name}/content", responses=answers(None))
    async def content(name: Id) -> Response:
        place = await asyncio.to_thread(store.files(_owner()).content, name)
        return service.counted("files", StreamingResponse(_blocks(place), media_type="application/octet-stream"))

    @app.delete("/v1/files/{name}", responses=answers(Deleted))
    async def remove(name: Id) -> Response:
        await asyncio.to_thread(store.files(_owner()).remove, name)
        return service.counted("files", JSONResponse({"id": name, "object": "file", "deleted": True}))


def add_batches(app: FastAPI, service: Service, store: BatchStore, worker: BatchWorker) -> None:
    @app.post("/v1/batches", responses=answers(BatchEntry))
    async def create(body: BatchBody) -> Response:
        body.check()
        if body.endpoint not in ENDPOINTS:
            allowed = ", ".join(sorted(ENDPOINTS))
            raise RequestError(f"endpoint is {body.endpoint[:64]!r}", f"one of {allowed}", "choose one", param="endpoint")
        owner = _owner()
        await asyncio.to_thread(store.files(owner).show, body.input_file_id)
        batch = Batch.new(owner, body.endpoint, body.input_file_id, 24, body.metadata or {})
        await asyncio.to_thread(store.create, batch)
        worker.wake()
        return service.counted("batches", JSONResponse(batch.told()))

    @app.get("/v1/batches", responses=answers(BatchList))
    async def batches(after: After = None, limit: Limit = 20) -> Response:
        found = await asyncio.to_thread(store.all, _owner())
        return service.counted("batches", JSONResponse(_page(found, after, limit)))

    @app.get("/v1/batches/{name}", responses=answers(BatchEntry))
    async def show(name: Id) -> Response:
        batch = await asyncio.to_thread(store.show, _owner(), name)
        return service.counted("batches", JSONResponse(batch.told()))

    @app.post("/v1/batches/{name}/cancel", responses=answers(BatchEntry))
    async def cancel(name: Id) -> Response:
        batch = await asyncio.to_thread(store.show, _owner(), name)
        if batch.final:
            raise RequestError(f"batch {name} is {batch.status}", "one that runs can be cancelled", "leave it", param="name")
        await asyncio.to_thread(store.cancel, batch)
        return service.counted("batches", JSONResponse(batch.at("cancelling").told()))


def _owner() -> str:
    """The caller's tenant; empty where the endpoint needs no keys."""
    return context_fact("tenant")


def _keep(store: BatchStore, given: UploadFile) -> StoredFile:
    with tempfile.TemporaryDirectory() as folder:
        local = FilePath(folder) / "content"
        with local.open("wb") as handle:
            shutil.copyfileobj(given.file, handle)
        return store.files(_owner()).add(local, (given.filename or "batch.jsonl")[:256], "batch")


def _blocks(place: storage.Location) -> Iterator[bytes]:
    with storage.plain_errors("reading", place), place.filesystem.open_input_stream(place.path, compression=None) as stream:
        while block := stream.read(_BLOCK):
            yield bytes(block)


def _told(item: StoredFile | Batch) -> Json:
    if isinstance(item, Batch):
        return item.told()
    facts: dict[str, Any] = {key: getattr(item, key) for key in ("id", "bytes", "created_at", "filename", "purpose", "status")}
    return facts | {"object": "file"}


def _page(items: Sequence[Item], after: str | None, limit: int) -> Json:
    """OpenAI's page of a list that is newest first."""
    names = [item.id for item in items]
    if after is not None and after not in names:
        raise RequestError(f"after is {after}", "an id of the list", "begin without it", param="after")
    start = 0 if after is None else names.index(after) + 1
    page = items[start : start + limit]
    ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
    return {"object": "list", "data": [_told(item) for item in page], "has_more": start + limit < len(items)} | ends
