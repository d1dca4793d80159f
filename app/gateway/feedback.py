"""/v1/feedback: what people thought of an answer, kept one file each and never changed, for the next model to learn from.

<root>/feedback/<day>/<time in ns>-<id>.json
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.gateway.body import Body
from app.gateway.described import FeedbackEntry, answers
from app.gateway.schema import ChatMessage
from app.gateway.service import Service
from cluster import storage
from cluster.errors import RequestError
from cluster.observe.logs import context_fact
from cluster.storage import Location

_LONGEST = 64 << 10


class FeedbackBody(Body):
    """`id` is the answer's. At least one of `rating` (-1 bad to 1 good), `correction` (the answer as it should have been) and
    `comment`. The gateway keeps no conversations: `messages` and `answer` say what was asked and answered."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    model: str | None = Field(None, max_length=256)
    rating: float | None = Field(None, ge=-1, le=1)
    correction: str | None = Field(None, min_length=1, max_length=_LONGEST)
    comment: str | None = Field(None, min_length=1, max_length=_LONGEST)
    messages: list[ChatMessage] | None = Field(None, max_length=1000)
    answer: str | None = Field(None, max_length=_LONGEST)
    user: str | None = Field(None, max_length=256)


@dataclass(frozen=True)
class Feedback:
    """One person's word on one answer. `created` is in seconds since the epoch; `messages` are (role, text)."""

    id: str
    answer_id: str
    created: float
    tenant: str
    model: str | None
    rating: float | None
    correction: str | None
    comment: str | None
    messages: tuple[tuple[str, str], ...]
    answer: str | None
    user: str | None


class FeedbackStore:
    """All feedback below a root; what is written stays."""

    def __init__(self, root: Location) -> None:
        self._root = root / "feedback"

    def add(self, feedback: Feedback) -> None:
        day = time.strftime("%Y-%m-%d", time.gmtime(feedback.created))
        name = f"{int(feedback.created * 1e9):020d}-{feedback.id}.json"
        storage.write_bytes(self._root / day / name, json.dumps(asdict(feedback), ensure_ascii=False).encode())

    def read(self) -> Iterator[Feedback]:
        """Oldest first."""
        for file in storage.list_files(self._root):
            facts: dict[str, Any] = json.loads(storage.read_bytes(self._root / file.path))
            yield Feedback(**facts | {"messages": tuple((role, text) for role, text in facts["messages"])})


def add_feedback(app: FastAPI, service: Service, store: FeedbackStore) -> None:
    @app.post("/v1/feedback", responses=answers(FeedbackEntry))
    async def feedback(body: FeedbackBody) -> Response:
        body.check()
        if body.rating is None and body.correction is None and body.comment is None:
            raise RequestError("feedback that says nothing", "rating, correction or comment", "send one", param="rating")
        kept = _feedback(body)
        await asyncio.to_thread(store.add, kept)
        _tell_trial(service, kept)
        told = {"id": kept.id, "object": "feedback", "created": int(kept.created), "answer_id": kept.answer_id}
        return service.counted("feedback", JSONResponse(told))


def _tell_trial(service: Service, kept: Feedback) -> None:
    """A rating of a revision's answer (`model@revision`) counts in that revision's release."""
    model, _, revision = (kept.model or "").partition("@")
    if revision and kept.rating:
        service.trials.rate(model, revision, kept.rating > 0)


def _feedback(body: FeedbackBody) -> Feedback:
    return Feedback(
        id=f"feedback-{uuid.uuid4().hex}",
        answer_id=body.id,
        created=time.time(),
        tenant=context_fact("tenant"),
        model=body.model,
        rating=body.rating,
        correction=body.correction,
        comment=body.comment,
        messages=tuple((message.role, message.text) for message in body.messages or ()),
        answer=body.answer,
        user=body.user,
    )
