"""The paths of the endpoint, in OpenAI's shapes. Pure ASGI over a Service, so it runs and is tested without Ray."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from app.gateway.conversation import conversation_of
from app.gateway.failures import error_response, from_validation
from app.gateway.job import chat_job, completion_job, render
from app.gateway.metrics import CONTENT_TYPE
from app.gateway.requests import REQUEST_ID_HEADER, Tracked
from app.gateway.routes import must_answer
from app.gateway.schema import ChatBody, CompletionBody, TokenizeBody
from app.gateway.service import REVISION_HEADER, Service
from app.gateway.shapes import ChatShape, CompletionShape
from cluster.errors import HanlinError, RequestError, UnavailableError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_READY_SECONDS = 2.0
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(service: Service, lifespan: Lifespan | None = None, answer_id: bool = True) -> FastAPI:
    """The endpoint as an ASGI application. `answer_id`: whether it sends X-Request-Id itself (requests.py)."""
    app = FastAPI(title="Hanlin", docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_answers(app, service)
    _add_models(app, service)
    _add_health(app, service)
    _add_errors(app, service)
    app.add_middleware(Tracked, answer_id=answer_id)
    return app


def _add_answers(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions")
    async def chat_completions(body: ChatBody) -> Response:
        body.check()
        served = await service.models.find(body.model, conversation_of(body))
        job = await chat_job(body, served, service.request_seconds)
        shape = ChatShape(uuid.uuid4().hex, body.model, served.revision)
        return _counted(service, "chat", await service.respond("chat", body, job, shape))

    @app.post("/v1/completions")
    async def completions(body: CompletionBody) -> Response:
        body.check()
        served = await service.models.find(body.model, conversation_of(body))
        job = await completion_job(body, served, service.request_seconds)
        shape = CompletionShape(uuid.uuid4().hex, body.model, served.revision)
        return _counted(service, "completions", await service.respond("completions", body, job, shape))

    @app.post("/v1/tokenize")
    async def tokenize(body: TokenizeBody) -> Response:
        body.check()
        served = await service.models.find(body.model)
        if (body.prompt is None) == (body.messages is None):
            raise RequestError("neither prompt nor messages, or both", "one of them", "send one", param="prompt")
        if body.messages is not None:
            tokens = await served.encode_prompt(render(body.messages, served))
        else:
            tokens = await served.encode(body.prompt or "", special=body.add_special_tokens)
        data = {
            "count": len(tokens),
            "max_model_len": served.card.capabilities.max_context,
            "tokens": list(tokens),
            "token_strs": [served.vocabulary.token_bytes(token).decode("utf-8", "replace") for token in tokens],
        }
        return _counted(service, "tokenize", JSONResponse(data, headers={REVISION_HEADER: served.revision}))


def _add_models(app: FastAPI, service: Service) -> None:
    async def entry(name: str) -> dict[str, Any]:
        served = await service.models.find(name)
        return {
            "id": name,
            "object": "model",
            "created": served.card.created,
            "owned_by": "hanlin",
            "root": served.model,
            "revision": served.revision,
            "fingerprint": served.card.fingerprint,
            "max_model_len": served.card.capabilities.max_context,
        }

    @app.get("/v1/models")
    async def models() -> Response:
        names = [name for model, routes in service.models.table.items() for name in _names(model, routes)]
        data = await asyncio.gather(*map(entry, names))
        return _counted(service, "models", JSONResponse({"object": "list", "data": data}))

    @app.get("/v1/models/{name}")
    async def model(name: str) -> Response:
        return _counted(service, "models", JSONResponse(await entry(name)))


def _names(model: str, routes: Any) -> list[str]:
    weighted = [model] if any(route.weight > 0 for route in routes) else []
    return weighted + [f"{model}@{route.revision}" for route in routes]


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """This gateway runs."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        """Every revision that requests go to answers; another one stands in for one that is being released."""
        apps = must_answer(service.models.table)
        if not apps:
            raise UnavailableError("no model is served yet", "", "start one with `hanlin serve`")
        async with asyncio.timeout(_READY_SECONDS):
            await asyncio.gather(*map(service.upstream.card, apps))
        return PlainTextResponse("ready\n")

    @app.get("/metrics")
    async def metrics() -> Response:
        for model, routes in service.models.table.items():
            for route in routes:
                try:
                    async with asyncio.timeout(_READY_SECONDS):
                        service.metrics.set_engine(model, route.revision, await service.upstream.stats(route.app))
                except (UnavailableError, TimeoutError):
                    event(_LOG, "engine_silent", logging.WARNING, model=model, revision=route.revision)
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI, service: Service) -> None:
    def answer(request: Request, error: HanlinError) -> Response:
        endpoint = request.url.path.removeprefix("/v1/").partition("/")[0]
        known = endpoint if endpoint in ("chat", "completions", "models", "tokenize", "readyz") else "other"
        return _counted(service, known, error_response(error))

    @app.exception_handler(HanlinError)
    async def ours(request: Request, error: HanlinError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, from_validation(error))

    @app.exception_handler(TimeoutError)
    async def late(request: Request, _: TimeoutError) -> Response:
        return answer(request, UnavailableError("a replica does not answer", "", "send the request again shortly"))

    @app.exception_handler(HTTPException)
    async def no_path(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:
            return answer(request, RequestError("the body is not JSON in UTF-8", "a JSON object", "check its encoding"))
        given = RequestError(f"{request.method} {request.url.path}: {error.detail.lower()}", "", "see GET /openapi.json")
        response = answer(request, given)
        response.status_code = error.status_code
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, _: Exception) -> Response:
        response = answer(request, HanlinError("the endpoint failed on this request", "", "look at the gateway's log"))
        if request_id := request.scope.get("hanlin_request_id"):
            response.headers[REQUEST_ID_HEADER] = request_id  # this answer is sent from outside of Tracked
        return response


def _counted(service: Service, endpoint: str, response: Response) -> Response:
    service.metrics.answered(endpoint, response.status_code, response.headers.get(REVISION_HEADER, ""))
    return response
