"""What a client may do to its connection: send a head of some size, pause in a body, leave an answer unread for a while.

Around the application, so that no place is held for a client that is not there any more. Not for a body's size (reading.py) or a
deadline that the client sets (deadline.py), nor for heads that do not end: those never get past the HTTP server.
"""

import asyncio
import logging
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.errors import HanlinError, HeadTooLargeError, SlowRequestError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
MOST_HEADERS, MOST_HEAD_BYTES = 100, 16 << 10
"""Of one request. A browser behind two balancers sends 30 in 3 KiB."""
PAUSE_SECONDS = 30.0
"""Between two parts of a body."""
UNREAD_SECONDS = 30.0
"""Until a client takes some of an answer once every buffer on the way to it is full."""


_ENDS = (408, 413, 431)
"""Statuses after which the connection is closed: what still comes on it is not read."""


class Wire:
    """Lets requests through that come at a client's usual pace; `refuse` makes the answer to an error and counts it."""

    def __init__(self, app: ASGIApp, refuse: Callable[[HanlinError], Response]) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _while_read(send)
        try:
            require_small_head(scope)
            await self._app(scope, _within_pauses(receive), send)
        except _LeftUnreadError:
            event(_LOG, "answer_left_unread", logging.WARNING, seconds=UNREAD_SECONDS)
        except HeadTooLargeError as error:
            await self._refuse(error)(scope, receive, send)
        except _LateBodyError as error:  # it was read before the application, which would have answered so itself
            await self._refuse(SlowRequestError(error.detail, "", "send the request again"))(scope, receive, send)


class _LateBodyError(HTTPException):
    """As FastAPI hands it on from where it reads a body."""


class _LeftUnreadError(ConnectionError):
    """The client takes nothing; its answer is over."""


def require_small_head(scope: Scope) -> None:
    """Raises HeadTooLargeError for a request with too many headers, or too long ones."""
    headers = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers) + len(scope["path"]) + len(scope["query_string"])
    if len(headers) > MOST_HEADERS or size > MOST_HEAD_BYTES:
        raise HeadTooLargeError(
            f"{len(headers)} headers and a path of {size} bytes together",
            f"at most {MOST_HEADERS} and {MOST_HEAD_BYTES >> 10} KiB",
            "send what the request needs",
        )


def _within_pauses(receive: Receive) -> Receive:
    whole = False

    async def receive_soon() -> Message:
        nonlocal whole
        try:
            async with asyncio.timeout(None if whole else PAUSE_SECONDS):
                message = await receive()
        except TimeoutError as error:
            raise _LateBodyError(408, f"the body stopped coming for {PAUSE_SECONDS:g} s") from error
        whole = whole or not message.get("more_body", False)
        return message

    return receive_soon


def _while_read(send: Send) -> Send:
    async def send_or_end(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _ENDS:
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        try:
            async with asyncio.timeout(UNREAD_SECONDS):
                await send(message)
        except TimeoutError as error:
            raise _LeftUnreadError from error

    return send_or_end
