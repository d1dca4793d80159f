"""Which conversation a request belongs to, and where that conversation lies between 0 and 1.

So a conversation stays with one revision: the place depends on its key alone, and a growing share only ever takes more places.
Not for deciding which share goes where (routes.py).
"""

from collections.abc import Mapping
from contextvars import ContextVar
from hashlib import blake2b

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


def place_of(conversation: str, salt: str) -> float:
    """Where a conversation lies in [0, 1). Another salt (the revision on trial) gives another order, so that it is not the
    same conversations that meet every new revision first."""
    digest = blake2b(f"{salt}\0{conversation}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _beginning(body: ChatBody) -> str:
    parts = []
    for message in body.messages:
        text = message.content if isinstance(message.content, str) else repr(message.content)
        parts.append(f"{message.role}\0{text}")
        if message.role == "user":
            break
    return "\1".join(parts)
