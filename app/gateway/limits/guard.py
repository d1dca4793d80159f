"""At the entrance: whose request it is, by its API key, and how long the client will wait. ASGI around the application.

Probes, metrics and the API's description need no key. Not for how much a tenant may have: admission.py.
"""

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.gateway.limits.caller import OWNER, Caller, calling
from app.gateway.limits.keys import ApiKey, utc_now
from app.gateway.limits.keys import Scope as KeyScope
from app.gateway.limits.keystore import WatchedKeys
from cluster.errors import ApiKeyError, HanlinError, RequestError, ScopeError
from cluster.observe.logs import log_context

TIMEOUT_HEADER = "x-hanlin-timeout"
_GUARDED = "/v1/"
_SCOPES: tuple[tuple[str, KeyScope], ...] = (
    ("/v1/models", "models"),
    ("/v1/files", "batches"),
    ("/v1/batches", "batches"),
    ("/v1/feedback", "feedback"),
)
"""By the beginning of a path; whatever else is below /v1/ asks a model for something."""


class Guard:
    """Lets requests through that may pass, each with its Caller. `keys` is None where none are needed; `refuse` makes the
    answer to an error and counts it."""

    def __init__(self, app: ASGIApp, keys: WatchedKeys | None, refuse: Callable[[HanlinError], Response]) -> None:
        self._app, self._keys, self._refuse = app, keys, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_GUARDED):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope["path"], Headers(scope=scope)) if OWNER not in scope else Caller(scope[OWNER])
        except HanlinError as error:
            await self._refuse(error)(scope, receive, send)
            return
        with calling(caller), log_context(tenant=caller.tenant):
            await self._app(scope, receive, send)

    async def _caller(self, path: str, headers: Headers) -> Caller:
        tenant = ""
        if self._keys is not None:
            key = await self._keys.check(_presented(headers), utc_now())
            _require_scope(key, path)
            tenant = key.tenant
        cached = not {"no-cache", "no-store"} & set(headers.get("cache-control", "").replace(" ", "").lower().split(","))
        return Caller(tenant, _deadline(headers.get(TIMEOUT_HEADER)), cached)


def _presented(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key:
        raise ApiKeyError("no API key", "the header Authorization: Bearer KEY", "send the key that you were given")
    return key.strip()


def _require_scope(key: ApiKey, path: str) -> None:
    wanted = next((scope for start, scope in _SCOPES if path.startswith(start)), "generate")
    if wanted not in key.scopes:
        raise ScopeError(
            f"the API key {key.id} is not for {wanted}", f"it is for {', '.join(key.scopes)}", "ask for one with that scope"
        )


def _deadline(given: str | None) -> float | None:
    """Raises RequestError for what is no number of seconds."""
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise RequestError(f"{TIMEOUT_HEADER} is {given[:20]!r}", "seconds, more than 0", "send a number", param=TIMEOUT_HEADER)
    return time.monotonic() + seconds
