"""OpenAI's answers as JSON objects: whole ones and the chunks of a stream, for chat and for completions."""

import time
from collections.abc import Sequence
from typing import Any

from app.gateway.answer import ScoredToken
from app.gateway.calls import CallDelta, CallReader, Read
from app.gateway.tools import ToolPlan

Json = dict[str, Any]


def usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> Json:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


class Shape:
    """One endpoint's JSON. `head` is what every object of one answer shares."""

    whole: str
    part: str
    prefix: str

    def __init__(self, request_id: str, model: str, revision: str, include_usage: bool = False) -> None:
        """`include_usage`: every event of a stream has `usage`, null in all but the last."""
        self._id, self._created = f"{self.prefix}-{request_id}", int(time.time())
        self._model, self._fingerprint, self._include_usage = model, revision, include_usage

    def by(self, revision: str) -> None:
        """The revision that answers in the end, where it is another one than was asked first."""
        self._fingerprint = revision

    def _head(self, kind: str) -> Json:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "system_fingerprint": self._fingerprint,
        }

    def answer(self, choices: list[Json], used: Json) -> Json:
        """A whole answer."""
        return self._head(self.whole) | {"choices": choices, "usage": used}

    def chunk(self, choices: list[Json], used: Json | None = None) -> Json:
        """One event of a stream."""
        return self._head(self.part) | {"choices": choices} | ({"usage": used} if self._include_usage else {})

    def opening(self, index: int) -> Json | None:
        """The choice of the first event, where the endpoint has one."""
        return None

    def delta(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        """A choice of an event."""
        raise NotImplementedError

    def choice(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        """A choice of a whole answer."""
        raise NotImplementedError


class ChatShape(Shape):
    whole, part, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def __init__(
        self, request_id: str, model: str, revision: str, include_usage: bool = False, tools: ToolPlan | None = None
    ) -> None:
        super().__init__(request_id, model, revision, include_usage)
        self._tools, self._readers = tools, dict[int, CallReader]()

    def opening(self, index: int) -> Json | None:
        return {"index": index, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}

    def delta(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        delta: Json = {"content": text} if text or not finish else {}
        if self._tools:
            reader, read = self._read(index, text, finish)
            delta = ({"content": read.text} if read.text else {}) | _call_deltas(read.calls)
            finish = reader.finish_reason(finish)
        return {"index": index, "delta": delta, "logprobs": chat_scores(scores), "finish_reason": finish}

    def choice(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        message: Json = {"role": "assistant", "content": text, "refusal": None}
        if self._tools:
            reader, read = self._read(index, text, finish)
            if calls := whole_calls(read.calls):
                message |= {"content": read.text or None, "tool_calls": calls}
            finish = reader.finish_reason(finish)
        return {"index": index, "message": message, "logprobs": chat_scores(scores), "finish_reason": finish}

    def _read(self, index: int, text: str, finish: str | None) -> tuple[CallReader, Read]:
        assert self._tools
        if index not in self._readers:
            self._readers[index] = self._tools.reader()
        reader = self._readers[index]
        read = reader.feed(text)
        return reader, read.then(reader.finish()) if finish else read


def whole_calls(deltas: Sequence[CallDelta]) -> list[Json]:
    """The calls that these are parts of."""
    calls: list[Json] = []
    for delta in deltas:
        if delta.id:
            calls.append({"id": delta.id, "type": "function", "function": {"name": delta.name, "arguments": ""}})
        calls[delta.index]["function"]["arguments"] += delta.arguments
    return calls


def _call_deltas(deltas: Sequence[CallDelta]) -> Json:
    if not deltas:
        return {}
    return {"tool_calls": [_call_delta(delta) for delta in deltas]}


def _call_delta(delta: CallDelta) -> Json:
    if not delta.id:
        return {"index": delta.index, "function": {"arguments": delta.arguments}}
    function = {"name": delta.name, "arguments": delta.arguments}
    return {"index": delta.index, "id": delta.id, "type": "function", "function": function}


class CompletionShape(Shape):
    whole, part, prefix = "text_completion", "text_completion", "cmpl"

    def delta(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        return self.choice(index, text, scores, finish)

    def choice(self, index: int, text: str, scores: Sequence[ScoredToken] | None, finish: str | None) -> Json:
        return {"index": index, "text": text, "logprobs": completion_scores(scores), "finish_reason": finish}


def chat_scores(scores: Sequence[ScoredToken] | None) -> Json | None:
    """Chat's form: an object for each token."""
    if scores is None:
        return None
    content = [
        {
            "token": score.text,
            "logprob": score.logprob,
            "bytes": list(score.data),
            "top_logprobs": [
                {"token": data.decode("utf-8", "replace"), "logprob": value, "bytes": list(data)} for data, value in score.top
            ],
        }
        for score in scores
    ]
    return {"content": content, "refusal": None}


def completion_scores(scores: Sequence[ScoredToken] | None) -> Json | None:
    """The old completions' form: a list for each property of the tokens."""
    if scores is None:
        return None
    return {
        "tokens": [_key(score.data) for score in scores],
        "token_logprobs": [score.logprob for score in scores],
        "top_logprobs": [None if score.logprob is None else _best(score.top) for score in scores],
        "text_offset": [score.offset for score in scores],
    }


def _key(data: bytes) -> str:
    """A token as text; one that is no whole character as `bytes:\\x..`, so that different tokens stay different."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def _best(top: Sequence[tuple[bytes, float]]) -> dict[str, float]:
    """By token, best first; of two tokens that look the same the better one counts."""
    table: dict[str, float] = {}
    for data, value in top:
        table.setdefault(_key(data), value)
    return table
