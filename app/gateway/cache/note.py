"""What is known of an answer on its way out: for its header, and for the shortcut to remember it by."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from app.gateway.models import Served

CACHE_HEADER = "x-hanlin-cache"
Status = Literal["hit", "miss", "joined", "off", "semantic"]


@dataclass
class Note:
    """How the cache answered, the model's name as asked for, and the revision that it led to."""

    status: Status = "off"
    endpoint: str = ""
    model: str = ""
    served: Served | None = None


current_note: ContextVar[Note | None] = ContextVar("hanlin_answer_note", default=None)
"""Of the request that this task works on; None where nothing is kept of it."""


def note(status: Status, endpoint: str, model: str, served: Served) -> None:
    """This is how the request is answered."""
    if (noted := current_note.get()) is not None:
        noted.status, noted.endpoint, noted.model, noted.served = status, endpoint, model, served


def generated() -> bool:
    """Whether the answer was made for this request, so that its times say something of the revision."""
    noted = current_note.get()
    return noted is None or noted.status in ("miss", "off")


def cached_tokens(prompt: int) -> int:
    """How many of a prompt's tokens nobody had to read for this answer, whose first event is there: all, where it was kept or
    is another request's too. What a replica had read of another prompt's beginning is not told: that may be a stranger's."""
    noted = current_note.get()
    return prompt if noted is not None and noted.status in ("hit", "joined", "semantic") else 0


def cache_header() -> dict[str, str]:
    """The header of an answer whose first event is there."""
    noted = current_note.get()
    return {CACHE_HEADER: noted.status if noted is not None else "off"}
