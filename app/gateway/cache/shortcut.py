"""A request that is byte for byte one that was answered from the cache gets that answer again before anybody parses it.

Parsing, the chat template and the tokenizer cost more than all else of a kept answer; equal bytes mean the same. The model's
route is chosen anew each time, so a release takes effect at once; every answer has an id of its own. ASGI around the
application. Not for which answers are certain: key.py says so, and service.py notes what came from the cache.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway.cache.memory import Memory
from app.gateway.cache.note import Note, current_note
from app.gateway.cache.rendered import Copy, ReadBody, Rendered
from app.gateway.limits.caller import current_caller
from app.gateway.models import Served
from app.gateway.service import Service
from cluster.errors import HanlinError


class Shortcut:
    """Wraps an application. It has `most_bytes` for what it remembers."""

    def __init__(self, app: ASGIApp, service: Service, most_bytes: int) -> None:
        self._app, self._service = app, service
        self._models: Memory[str] = Memory(most_bytes // 8)
        self._answers: Memory[Rendered] = Memory(most_bytes - most_bytes // 8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = current_caller()
        if scope["type"] != "http" or scope["method"] != "POST" or not caller.cached:
            await self._app(scope, receive, send)
            return
        body = await ReadBody.read(scope, receive, caller.tenant)
        if (found := await self._find(body.digest)) is None:
            await self._pass_on(body, scope, send)
            return
        rendered, served = found
        self._service.hit_again(rendered.endpoint, served.revision)
        for message in rendered.messages():
            await send(message)

    async def _find(self, digest: str) -> tuple[Rendered, Served] | None:
        model = self._models.get(digest)
        if model is None or self._service.trials.running(model):  # then the conversation decides who answers
            return None
        try:
            served = await self._service.models.find(model)
        except HanlinError:
            return None  # the application tells it in full
        rendered = self._answers.get(_name(digest, served))
        return None if rendered is None else (rendered, served)

    async def _pass_on(self, body: ReadBody, scope: Scope, send: Send) -> None:
        """Let the application answer; remember what it took from the cache."""
        note, copy = Note(), Copy()

        async def send_on(message: Message) -> None:
            if body.digest and note.status == "hit":
                copy.take(message)
            await send(message)

        token = current_note.set(note)
        try:
            await self._app(scope, body.receive, send_on)
        finally:
            current_note.reset(token)
        if note.served is not None and (rendered := copy.rendered(note.endpoint)) is not None:
            self._models.put(body.digest, note.model, len(note.model))
            self._answers.put(_name(body.digest, note.served), rendered, rendered.size)


def _name(digest: str, served: Served) -> str:
    adapter = served.adapter.content if served.adapter else ""
    return f"{digest}:{served.app}:{served.card.fingerprint}:{adapter}"
