"""Ask the endpoint from within, as a client would, but without a connection: a batch's requests are any other's requests."""

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from app.gateway.batch.lines import Reply
from app.gateway.limits.caller import OWNER
from app.gateway.requests import REQUEST_ID_HEADER

_WAIT_STATUS = (429, 503)
_WAIT_SECONDS = 2.0


class Inside:
    """An ASGI application as a function."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def ask(self, owner: str, path: str, body: dict[str, object]) -> tuple[Reply, float]:
        """The answer, and after how many seconds asking again can help (0: never)."""

        async def as_owner(scope: Scope, receive: Receive, send: Send) -> None:
            await self._app({**scope, OWNER: owner}, receive, send)

        transport = httpx.ASGITransport(as_owner, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=None, trust_env=False) as client:
            response = await client.post(path, json=body)
        reply = Reply(response.status_code, response.headers.get(REQUEST_ID_HEADER, ""), response.json())
        return reply, _wait(response)


def _wait(response: httpx.Response) -> float:
    if response.status_code not in _WAIT_STATUS:
        return 0.0
    given = response.headers.get("retry-after", "")
    return float(given) if given.isdigit() else _WAIT_SECONDS
