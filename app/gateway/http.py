"""The paths of the endpoint, in OpenAI's shapes. Pure ASGI over a Service, so it runs and is tested without Ray."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.gateway.batch.attach import add_batch
from app.gateway.batch.store import BatchStore
from app.gateway.cache.shortcut import Shortcut
from app.gateway.conversation import conversation_of
from app.gateway.described import ChatAnswer, CompletionAnswer, answers
from app.gateway.encoders import add_encoders
from app.gateway.failures import error_response, from_validation
from app.gateway.feedback import FeedbackStore, add_feedback
from app.gateway.job import chat_job, completion_job
from app.gateway.limits.guard import Guard
from app.gateway.limits.keystore import WatchedKeys
from app.gateway.limits.wire import Wire
from app.gateway.listing import add_models
from app.gateway.metrics import CONTENT_TYPE
from app.gateway.reading import BodyLimit, JsonRoute
from app.gateway.requests import REQUEST_ID_HEADER, Tracked
from app.gateway.responses import add_responses
from app.gateway.routes import must_answer
from app.gateway.schema import ChatBody, CompletionBody
from app.gateway.service import Service
from app.gateway.shapes import ChatShape, CompletionShape
from app.gateway.tokens import add_tokens
from app.gateway.tools import plan_tools
from cluster.errors import HanlinError, RequestError, UnavailableError
from cluster.observe.logs import event
from cluster.storage import Location

_LOG = logging.getLogger(__name__)
_READY_SECONDS = 2.0
_SHOWN_PATH = 80  # characters of a path in an error
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: Service, lifespan: Lifespan | None = None, answer_id: bool = True, keep: Location | None = None
) -> FastAPI:
    """The endpoint as an ASGI application. `answer_id`: whether it sends X-Request-Id itself (requests.py); `keep`: where
    files, batches and feedback are kept, without which there are no such paths."""
    app = FastAPI(title="Hanlin", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.router.route_class = JsonRoute
    _add_answers(app, service)
    add_tokens(app, service)
    add_responses(app, service)
    add_encoders(app, service)
    add_models(app, service)
    _add_health(app, service)
    if keep is not None:
        add_feedback(app, service, FeedbackStore(keep))
        add_batch(app, service, BatchStore(keep))
    _add_errors(app, service)
    app.add_middleware(BodyLimit)
    _add_protection(app, service)
    app.add_middleware(Tracked, answer_id=answer_id)
    return app


def _add_protection(app: FastAPI, service: Service) -> None:
    settings = service.settings

    def refuse(error: HanlinError) -> Response:
        return service.counted("other", error_response(error))

    if settings.cache.megabytes:
        app.add_middleware(Shortcut, service=service, most_bytes=(settings.cache.megabytes << 20) // 2)
    app.add_middleware(Guard, keys=WatchedKeys(settings.keys) if settings.keys else None, refuse=refuse)
    app.add_middleware(Wire, refuse=refuse)


def _add_answers(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions", responses=answers(ChatAnswer, streamed=True))
    async def chat_completions(body: ChatBody) -> Response:
        body.check()
        served = await service.models.find(body.model, conversation_of(body))
        tools = plan_tools(body, served.template)
        job = await chat_job(body, served, service.request_seconds, tools)
        shape = ChatShape(uuid.uuid4().hex, body.model, served.revision, body.include_usage, tools)
        return service.counted("chat", await service.respond("chat", body, job, shape))

    @app.post("/v1/completions", responses=answers(CompletionAnswer, streamed=True))
    async def completions(body: CompletionBody) -> Response:
        body.check()
        served = await service.models.find(body.model, conversation_of(body))
        job = await completion_job(body, served, service.request_seconds)
        shape = CompletionShape(uuid.uuid4().hex, body.model, served.revision, body.include_usage)
        return service.counted("completions", await service.respond("completions", body, job, shape))


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
        service.metrics.set_protection(service.cache.bytes, service.cache.entries, service.admission.waiting)
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI, service: Service) -> None:
    endpoints = {_endpoint(route.path) for route in app.routes if isinstance(route, APIRoute)}

    def answer(request: Request, error: HanlinError) -> Response:
        endpoint = _endpoint(request.url.path)
        return service.counted(endpoint if endpoint in endpoints else "other", error_response(error))

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
            allowed = "a JSON object in UTF-8; a form with `file` and `purpose` for /v1/files"
            return answer(request, RequestError("the body cannot be read as JSON", allowed, "check its form and encoding"))
        path = request.url.path[:_SHOWN_PATH]
        given = RequestError(f"{request.method} {path}: {error.detail.lower()}", "", "see GET /openapi.json")
        response = answer(request, given)
        response.status_code = error.status_code
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, _: Exception) -> Response:
        response = answer(request, HanlinError("the endpoint failed on this request", "", "look at the gateway's log"))
        if request_id := request.scope.get("hanlin_request_id"):
            response.headers[REQUEST_ID_HEADER] = request_id  # this answer is sent from outside of Tracked
        return response


def _endpoint(path: str) -> str:
    """What the count of answers calls a path."""
    return path.removeprefix("/v1").removeprefix("/").partition("/")[0]
