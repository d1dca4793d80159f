"""What can be asked: /v1/models. Models, their revisions by name, and adapters as models of their own with a `parent`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from app.gateway.described import ModelEntry, ModelList, answers
from app.gateway.models import Served
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.shapes import Json
from cluster.errors import ModelNotFoundError


def add_models(app: FastAPI, service: Service) -> None:
    async def entry(name: str) -> Json:
        return _entry(name, await service.models.find(name))

    @app.get("/v1/models", responses=answers(ModelList))
    async def models() -> Response:
        names = [name for model, routes in service.models.table.items() for name in _names(model, routes)]
        data = [*await asyncio.gather(*map(entry, names))]
        for adapter in dict.fromkeys(each.name for each in await service.models.adapters.published()):
            with suppress(ModelNotFoundError):  # made for what is not served here
                data.append(await entry(adapter))
        return service.counted("models", JSONResponse({"object": "list", "data": data}))

    @app.get("/v1/models/{name}", responses=answers(ModelEntry))
    async def model(name: str) -> Response:
        return service.counted("models", JSONResponse(await entry(name)))


def _entry(name: str, served: Served) -> Json:
    adapter = served.adapter
    return {
        "id": name,
        "object": "model",
        "created": served.card.created,
        "owned_by": "hanlin",
        "root": served.model,
        "parent": served.model if adapter else None,
        "revision": served.revision,
        "fingerprint": adapter.content if adapter else served.card.fingerprint,
        "max_model_len": served.card.capabilities.max_context,
    }


def _names(model: str, routes: Sequence[Route]) -> list[str]:
    weighted = [model] if any(route.weight > 0 for route in routes) else []
    return weighted + [f"{model}@{route.revision}" for route in routes]
