"""How a request's body is read: strictly JSON (no NaN, no half characters, no endless nesting), and no more than a limit.

orjson reads it, which is faster than the standard library too. Not for what the fields mean (body.py, schema.py).
"""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 16 << 20
"""Bytes of a request's body: more than any context holds."""
MAX_FILE = 200 << 20
"""Bytes of an uploaded file with its form, OpenAI's own limit for batches."""
_FILES = "/v1/files"


class JsonRequest(Request):
    async def json(self) -> Any:
        """Raises json.JSONDecodeError, which orjson's own error is."""
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """A path whose bodies are read by JsonRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return read


class BodyLimit:
    """ASGI around the application: who reads a body beyond the limit gets an HTTPException of status 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_FILE if scope["path"] == _FILES else MAX_BODY
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdigit() and int(announced[:20]) > limit
        taken = 0

        async def receive_some() -> Message:
            nonlocal taken
            if not too_large:
                message = await receive()
                taken += len(message.get("body", b""))
            if too_large or taken > limit:
                raise HTTPException(413, f"the body is larger than {limit >> 20} MiB")
            return message

        await self._app(scope, receive_some, send)
