"""Calls of tools in a model's answer, read as it comes: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, the form
that Hermes and Qwen models write.

Not for whether a call is allowed or right: OpenAI's clients check the arguments themselves.
"""

import json
import re
import uuid
from dataclasses import dataclass, field

import orjson

BEGIN, END = "<tool_call>", "</tool_call>"
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)')


@dataclass(frozen=True)
class CallDelta:
    """The next part of a call: `id` and `name` come with the first one, `arguments` (JSON as text) with any."""

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""


@dataclass(frozen=True)
class Read:
    """What can be shown next: text beside calls, and parts of calls."""

    text: str = ""
    calls: tuple[CallDelta, ...] = ()

    def then(self, later: "Read") -> "Read":
        """Both as one."""
        return Read(self.text + later.text, self.calls + later.calls)


@dataclass
class CallReader:
    """Reads one answer. `inside`: it begins within a call whose mark was part of the prompt; `single`: what follows the first
    call is left out; `named`: the client chose the tool, which OpenAI's finish reasons tell apart."""

    inside: bool = False
    single: bool = False
    named: bool = False
    made: int = 0
    _buffer: str = ""
    _found: list[CallDelta] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state = self._head if self.inside else self._text
        self._json = _ObjectEnd()

    def feed(self, text: str) -> Read:
        """What is certain after this text."""
        self._buffer += text
        return self._read()

    def finish(self) -> Read:
        """The rest, when no more comes. What began like a call and is none is text."""
        read = self._read()
        rest, self._buffer = self._buffer, ""
        if self._state == self._head and not self._whole_call(rest):
            return Read(read.text + ("" if self.inside and not self.made else BEGIN) + rest, read.calls)
        text = rest if self._state == self._text and not self._closed else ""
        return Read(read.text + text, read.calls + self._taken())

    def finish_reason(self, finish: str | None) -> str | None:
        """OpenAI's: `tool_calls` where the model chose to call and was not cut off."""
        return "tool_calls" if finish == "stop" and self.made and not self.named else finish

    @property
    def _closed(self) -> bool:
        return self.single and self.made > 0

    def _read(self) -> Read:
        shown = ""
        while (text := self._state()) is not None:
            shown += text
        return Read(shown, self._taken())

    def _taken(self) -> tuple[CallDelta, ...]:
        found, self._found = tuple(self._found), []
        return found

    def _text(self) -> str | None:
        """Outside of calls; None: more text is needed. White space beside calls is nobody's."""
        if self._closed:
            self._buffer = ""
            return None
        if self.made:
            self._buffer = self._buffer.lstrip()
        before, mark, after = self._buffer.partition(BEGIN)
        if mark:
            self._buffer, self._state = after, self._head
            return before.rstrip()
        keep = _certain(self._buffer)
        shown, self._buffer = self._buffer[:keep], self._buffer[keep:]
        return shown or None

    def _head(self) -> str | None:
        if found := _HEAD.match(self._buffer):
            self._open(found[1])
            self._buffer, self._state, self._json = self._buffer[found.end() :], self._arguments, _ObjectEnd()
            return ""
        body, mark, after = self._buffer.partition(END)
        if not mark:
            return None
        self._buffer, self._state = after, self._text
        return "" if self._whole_call(body) else BEGIN + body + END

    def _arguments(self) -> str | None:
        if not self._buffer:
            return None
        length, ended = self._json.scan(self._buffer)
        self._found.append(CallDelta(self.made - 1, self._buffer[:length]))
        self._buffer = self._buffer[length:]
        if ended:
            self._state = self._tail
        return ""

    def _tail(self) -> str | None:
        _, mark, after = self._buffer.partition(END)
        if not mark:
            return None
        self._buffer, self._state = after, self._text
        return ""

    def _whole_call(self, body: str) -> bool:
        """A call whose keys stand in another order, or whose arguments are not an object."""
        try:
            call = orjson.loads(body)
            if not isinstance(call, dict) or not isinstance(call.get("name"), str):
                return False
            arguments = call.get("arguments", call.get("parameters", {}))
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        except (orjson.JSONDecodeError, RecursionError):
            return False
        self._open(call["name"], text)
        return True

    def _open(self, name: str, arguments: str = "") -> None:
        self._found.append(CallDelta(self.made, arguments, f"call_{uuid.uuid4().hex[:24]}", name))
        self.made += 1


def _certain(text: str) -> int:
    """How many characters cannot become the beginning of a call, or white space before one."""
    begun = next((length for length in range(len(BEGIN) - 1, 0, -1) if text.endswith(BEGIN[:length])), 0)
    return len(text[: len(text) - begun].rstrip())


class _ObjectEnd:
    """Finds the end of a JSON object in text that comes in parts."""

    def __init__(self) -> None:
        self._depth, self._string, self._escaped = 0, False, False

    def scan(self, text: str) -> tuple[int, bool]:
        """How much of the text belongs to the object, and whether it ends there."""
        for place, character in enumerate(text):
            if self._string:
                self._string = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
            elif character == '"':
                self._string = True
            elif character in "{[":
                self._depth += 1
            elif character in "]}":
                self._depth -= 1
                if not self._depth:
                    return place + 1, True
        return len(text), False
