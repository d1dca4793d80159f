"""Which conversation a request belongs to. Not for where that conversation lies, and which share goes where (routes.py)."""

from collections.abc import Mapping
from contextvars import ContextVar

from app.gateway.schema import ChatBody, CompletionBody, SamplingBody

CONVERSATION_HEADER = "x-hanlin-conversation"
_given: ContextVar[str] = ContextVar("hanlin_conversation", default="")
_KEY_FIELDS = ("prompt_cache_key", "safety_identifier")


def note_header(headers: Mapping[str, str]) -> None:
    """Remember the header of the request that this task works on."""
    _given.set(headers.get(CONVERSATION_HEADER, ""))


def conversation_of(body: SamplingBody) -> str:
    """The key: the header, else the `user` field (or what OpenAI's clients send in its place), else how the conversation
    begins: all up to the first thing that the user said. A raw prompt is a conversation of its own."""
    if given := _given.get() or body.user:
        return given
    for name in _KEY_FIELDS:
        if value := (body.model_extra or {}).get(name):
            return str(value)
    if isinstance(body, ChatBody):
        return _beginning(body)
    return repr(body.prompts) if isinstance(body, CompletionBody) else ""


def _beginning(body: ChatBody) -> str:
    parts = []
    for message in body.messages:
        text = message.content if isinstance(message.content, str) else repr(message.content)
        parts.append(f"{message.role}\0{text}")
        if message.role == "user":
            break
    return "\1".join(parts)
