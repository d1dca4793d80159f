"""What every request has, whatever its path: an id (from or to X-Request-Id), a span of its trace, and one line of log.

Pure ASGI around the application. Not for counting: that is metrics.py.
"""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway.conversation import note_header
from cluster.observe.logs import event, log_context
from cluster.observe.traces import Span, start_span

REQUEST_ID_HEADER = "x-request-id"
_LOG = logging.getLogger(__name__)
_USABLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")
_ANSWERS = "/v1/"
_MODELS = "/v1/models"


class Tracked:
    """Wraps an application; its events and requests to replicas carry the id and the trace. `answer_id`: send the id back
    too, which Ray Serve's proxies do by themselves."""

    def __init__(self, app: ASGIApp, answer_id: bool = True) -> None:
        self._app, self._answer_id = app, answer_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        note_header(headers)
        request_id = _request_id(headers.get(REQUEST_ID_HEADER, ""))
        if self._answer_id:
            scope["hanlin_request_id"] = request_id
        leg = _Leg(scope, request_id, headers.get("traceparent", ""))

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                leg.status = message["status"]
                if self._answer_id:
                    MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with log_context(request_id=request_id, traceparent=leg.span.traceparent):
            try:
                await self._app(scope, receive, send_on)
            except BaseException as error:
                leg.error = type(error).__name__
                raise
            finally:
                leg.end()


class _Leg:
    """The gateway's part of one request."""

    def __init__(self, scope: Scope, request_id: str, parent: str) -> None:
        path = scope["path"]
        self._told = path.startswith(_ANSWERS)  # probes and scrapes would drown the rest
        self._method, self._path = scope["method"], _MODELS if path.startswith(_MODELS) else path[:64]
        self._started, self.status, self.error = time.monotonic(), 0, ""
        self.span = Span(parent)
        if self._told:
            self.span = start_span(f"{self._method} {self._path}", parent, "server", request_id=request_id)

    def end(self) -> None:
        if not self._told:
            return
        status = self.status or 500  # nothing was sent: the server answers for the error
        failed = self.error or (f"status {status}" if status >= 500 else "")
        self.span.end(failed, **{"http.response.status_code": status})
        seconds = round(time.monotonic() - self._started, 4)
        level = logging.ERROR if failed else logging.INFO
        event(_LOG, "request", level, method=self._method, path=self._path, status=status, seconds=seconds, error=self.error)


def _request_id(given: str) -> str:
    """The client's where it can stand in a log and a header, else a new one."""
    return given if _USABLE_ID.fullmatch(given) else uuid.uuid4().hex
