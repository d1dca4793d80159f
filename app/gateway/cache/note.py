"""What is said of an answer on its way out, for the shortcut to remember it by."""

from contextvars import ContextVar
from dataclasses import dataclass

from app.gateway.models import Served


@dataclass
class Note:
    """Filled where the answer came from the cache: the model's name as asked for, and the revision that it led to."""

    endpoint: str = ""
    model: str = ""
    served: Served | None = None


current_note: ContextVar[Note | None] = ContextVar("hanlin_answer_note", default=None)


def note_hit(endpoint: str, model: str, served: Served) -> None:
    """This answer is a kept one."""
    if (note := current_note.get()) is not None:
        note.endpoint, note.model, note.served = endpoint, model, served
