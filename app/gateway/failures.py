"""Errors in OpenAI's shape: {"error": {"message", "type", "param", "code"}} with the status that fits."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from cluster.errors import HanlinError, OverloadedError, RequestError, UnavailableError

RETRY_SECONDS = 2
_MOST_SHOWN = 100
_SUBJECT = re.compile(r"^\w+ (?=should )")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}


def error_body(error: HanlinError) -> dict[str, Any]:
    """The JSON body of an error."""
    return {
        "error": {
            "message": str(error),
            "type": _TYPES.get(error.http_status, "server_error"),
            "param": getattr(error, "param", "") or None,
            "code": error.code,
        }
    }


def error_response(error: HanlinError) -> JSONResponse:
    """The whole answer; `Retry-After` (seconds, and exactly in ms) where trying again can help."""
    return JSONResponse(error_body(error), status_code=error.http_status, headers=_retry_headers(error))


def _retry_headers(error: HanlinError) -> dict[str, str] | None:
    if not isinstance(error, OverloadedError | UnavailableError):
        return None
    seconds = getattr(error, "retry_seconds", 0.0) or RETRY_SECONDS
    return {"Retry-After": str(math.ceil(seconds)), "Retry-After-Ms": str(math.ceil(1000 * seconds))}


@contextmanager
def renamed(fields: Mapping[str, str]) -> Iterator[None]:
    """An error within the block names the field that the client sent, where one path's request is put as another's."""
    try:
        yield
    except RequestError as error:
        error.param = fields.get(error.param, error.param)
        raise


def from_validation(error: RequestValidationError) -> RequestError:
    """What pydantic found wrong with a body, as one line about one field."""
    problems: Sequence[Any] = error.errors()
    first = problems[0]
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "invalid JSON")
        return RequestError(f"the body is not JSON ({reason})", "a JSON object", "check quotes and commas")
    if first["loc"] == ("body",) and not isinstance(first.get("input"), dict | None):
        return RequestError(
            "the body is not a JSON object", "a JSON object, content-type application/json", "look at the request"
        )
    path = [str(part) for part in first["loc"][1:]]
    param = path[0] if path else ""
    if first["type"] == "missing" and len(path) > 1:
        return RequestError(f"{param} lacks {path[-1]}", "", f"send {path[-1]} in it", param=param)
    if first["type"] == "missing":
        return RequestError(f"{param or 'the body'} is missing", "", f"send {param or 'a JSON object'}", param=param)
    same = [problem for problem in problems if problem["loc"][1:2] == first["loc"][1:2]]
    messages = dict.fromkeys(str(problem["msg"]).removeprefix("Value error, ") for problem in same)
    allowed = ", or ".join(_SUBJECT.sub("", message) for message in messages)
    return RequestError(f"{param or 'the body'} is {_shown(first.get('input'))}", f"it {allowed}", "", param=param)


def _shown(given: Any) -> str:
    if isinstance(given, list | dict) and len(given) > _MOST_SHOWN:
        return f"something of {len(given)} items"
    if isinstance(given, str):
        given = given[:_MOST_SHOWN]
    try:
        text = json.dumps(given, ensure_ascii=False, default=str)
    except RecursionError:
        return "something deeply nested"
    return text if len(text) <= 80 else text[:77] + "..."
