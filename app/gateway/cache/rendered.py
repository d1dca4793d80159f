"""HTTP bodies: a request's, read so that it can be read again, and an answer's, kept so that it can be given again."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

_LONGEST_BODY = 256 << 10
"""Bytes of a request from which on it is not looked up: hashing would hold up others."""
_MEANT = (b"content-type", b"content-encoding")
"""Headers that say what a body means, beside our own."""
_KEPT_HEADERS = (b"content-type", b"cache-control", b"x-hanlin-cache", b"x-hanlin-revision")


class ReadBody:
    """The body of a request. `digest` names its bytes, whose they are and what they were sent to; empty where it is long."""

    def __init__(self, messages: Sequence[Message], receive: Receive) -> None:
        self._messages, self._receive = list(messages), receive
        self.digest = ""

    @staticmethod
    async def read(scope: Scope, receive: Receive, tenant: str) -> "ReadBody":
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > _LONGEST_BODY:
            return ReadBody([], receive)
        messages, size = [], 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > _LONGEST_BODY or not message.get("more_body", False):
                break
        body = ReadBody(messages, receive)
        if size <= _LONGEST_BODY and messages[-1]["type"] == "http.request":
            body.digest = _digest(scope, tenant, messages)
        return body

    async def receive(self) -> Message:
        """For the application: what was read, then what comes."""
        return self._messages.pop(0) if self._messages else await self._receive()


@dataclass(frozen=True)
class Rendered:
    """A whole answer, cut wherever its own id stands, which begins with `prefix`."""

    endpoint: str
    headers: tuple[tuple[bytes, bytes], ...]
    prefix: str
    parts: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))

    def messages(self) -> tuple[Message, Message]:
        """The same answer with another id."""
        body = f"{self.prefix}{uuid.uuid4().hex}".encode().join(self.parts)
        headers = [*self.headers, (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        return start, {"type": "http.response.body", "body": body}


class Copy:
    """An answer that is passed on and copied."""

    def __init__(self) -> None:
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._body: list[bytes] = []
        self._status, self._whole = 0, False

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = tuple((name, value) for name, value in message["headers"] if name in _KEPT_HEADERS)
        elif message["type"] == "http.response.body":
            self._body.append(message.get("body", b""))
            self._whole = not message.get("more_body", False)

    def rendered(self, endpoint: str) -> Rendered | None:
        """None for an answer that did not end well, or that has no id of its own."""
        body = b"".join(self._body)
        answer_id = _id_of(body) if self._whole and self._status == 200 else ""
        if not answer_id or b'"error":' in body.rpartition(b"data: ")[2]:
            return None
        prefix = answer_id[:-32]
        return Rendered(endpoint, self._headers, prefix, tuple(body.split(answer_id.encode())))


def _id_of(body: bytes) -> str:
    """The id that a whole answer, or the first event of a streamed one, begins with."""
    try:
        first = orjson.loads(body.partition(b"\n\n")[0].removeprefix(b"data: "))
    except orjson.JSONDecodeError:
        return ""
    found = first.get("id") if isinstance(first, dict) else None
    return found if isinstance(found, str) and len(found) > 32 else ""


def _digest(scope: Scope, tenant: str, messages: Sequence[Message]) -> str:
    headers = [(name, value) for name, value in scope["headers"] if name in _MEANT or name.startswith(b"x-hanlin-")]
    named = hashlib.blake2b(repr((tenant, scope["path"], scope["query_string"], headers)).encode(), digest_size=20)
    for message in messages:
        named.update(message.get("body", b""))
    return named.hexdigest()
