"""One answer of /v1/responses as it grows: the events of its stream, and the object that stands at its end.

A whole answer is the same with its events left out.
"""

import uuid
from dataclasses import dataclass, field

from app.gateway.answer import Piece
from app.gateway.calls import CallDelta, CallReader, Read
from app.gateway.shapes import Json, chat_scores
from cluster.errors import HanlinError


@dataclass
class _Text:
    """The message of an answer, at its place in the output."""

    place: int
    id: str = field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")
    text: str = ""
    logprobs: list[Json] = field(default_factory=list)

    @property
    def where(self) -> Json:
        return {"item_id": self.id, "output_index": self.place, "content_index": 0}

    def part(self) -> Json:
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": list(self.logprobs)}

    def item(self, status: str) -> Json:
        content = [] if status == "in_progress" else [self.part()]
        return {"id": self.id, "type": "message", "role": "assistant", "status": status, "content": content}


@dataclass
class _Call:
    """A call of a tool, at its place in the output."""

    place: int
    call_id: str
    name: str
    id: str = field(default_factory=lambda: f"fc_{uuid.uuid4().hex}")
    arguments: str = ""

    @property
    def where(self) -> Json:
        return {"item_id": self.id, "output_index": self.place}

    def item(self, status: str) -> Json:
        shared = {"id": self.id, "type": "function_call", "status": status}
        return shared | {"call_id": self.call_id, "name": self.name, "arguments": self.arguments}


class ResponseWriter:
    """`head` is what the answer repeats of its request; `reader` reads calls where there are tools."""

    def __init__(self, head: Json, prompt_tokens: int, reader: CallReader | None, scored: bool) -> None:
        self._head = {"id": f"resp_{uuid.uuid4().hex}", "object": "response"} | head
        self._prompt_tokens, self._reader, self._scored = prompt_tokens, reader, scored
        self._items: list[_Text | _Call] = []
        self._open: _Text | _Call | None = None
        self._events: list[Json] = []
        self._tokens, self._finish, self._sequence = 0, "", 0

    def start(self) -> list[Json]:
        """The events before anything is said."""
        self._tell("response.created", response=self._object("in_progress"))
        self._tell("response.in_progress", response=self._object("in_progress"))
        return self._taken()

    def feed(self, piece: Piece) -> list[Json]:
        """The events of one piece of the answer."""
        read = Read(piece.text)
        if self._reader:
            read = self._reader.feed(piece.text)
            read = read.then(self._reader.finish()) if piece.finish else read
        self._tokens += piece.tokens
        scores = (chat_scores(piece.scores) or {})["content"] if self._scored else []
        if read.text or scores:
            self._say(read.text, scores)
        for call in read.calls:
            self._call(call)
        if piece.finish:
            self._finish = piece.finish
            if not self._items:
                self._say("", [])
            self._close()
        return self._taken()

    def end(self, cached_tokens: int) -> Json:
        """The last event. `cached_tokens`: tokens of the prompt that nobody had to read for this answer."""
        done = self.response(cached_tokens)
        self._tell(f"response.{done['status']}", response=done)
        return self._taken()[0]

    def error(self, error: HanlinError) -> Json:
        """The event of what broke the answer off."""
        self._tell("error", code=error.code, message=str(error), param=getattr(error, "param", "") or None)
        return self._taken()[0]

    def response(self, cached_tokens: int) -> Json:
        """The whole answer."""
        used = _usage(self._prompt_tokens, cached_tokens, self._tokens)
        return self._object("incomplete" if self._finish == "length" else "completed") | {"usage": used}

    def _say(self, text: str, logprobs: list[Json]) -> None:
        if not isinstance(self._open, _Text):
            self._close()
            self._open = message = _Text(len(self._items))
            self._items.append(message)
            self._tell("response.output_item.added", output_index=message.place, item=message.item("in_progress"))
            self._tell("response.content_part.added", **message.where, part=message.part())
        message = self._open
        message.text += text
        message.logprobs += logprobs
        if text:
            self._tell("response.output_text.delta", **message.where, delta=text, logprobs=logprobs)

    def _call(self, delta: CallDelta) -> None:
        if delta.id:
            self._close()
            self._open = _Call(len(self._items), delta.id, delta.name)
            self._items.append(self._open)
            self._tell("response.output_item.added", output_index=self._open.place, item=self._open.item("in_progress"))
        assert isinstance(self._open, _Call)
        self._open.arguments += delta.arguments
        if delta.arguments:
            self._tell("response.function_call_arguments.delta", **self._open.where, delta=delta.arguments)

    def _close(self) -> None:
        """The open item is whole."""
        item, self._open = self._open, None
        if item is None:
            return
        if isinstance(item, _Text):
            self._tell("response.output_text.done", **item.where, text=item.text, logprobs=list(item.logprobs))
            self._tell("response.content_part.done", **item.where, part=item.part())
        else:
            arguments = {"name": item.name, "arguments": item.arguments}
            self._tell("response.function_call_arguments.done", **item.where, **arguments)
        self._tell("response.output_item.done", output_index=item.place, item=item.item(self._status_of(item)))

    def _status_of(self, item: _Text | _Call) -> str:
        cut = self._finish == "length" and item is self._items[-1]
        return "incomplete" if cut else "completed"

    def _object(self, status: str) -> Json:
        output = [] if status == "in_progress" else [item.item(self._status_of(item)) for item in self._items]
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return self._head | {"status": status, "error": None, "incomplete_details": cut, "output": output, "usage": None}

    def _tell(self, kind: str, **fields: object) -> None:
        self._events.append({"type": kind, "sequence_number": self._sequence} | fields)
        self._sequence += 1

    def _taken(self) -> list[Json]:
        told, self._events = self._events, []
        return told


def _usage(prompt_tokens: int, cached_tokens: int, generated: int) -> Json:
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
        "output_tokens": generated,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt_tokens + generated,
    }
