"""An answer that outlives its replica: when one is lost, another goes on from the tokens that have come.

Nothing is sent twice and nothing is left out: a draw depends on seed and position (workloads/serving/engine/sampling.py), so what
follows is what the lost replica would have said. Not for what a replica is or how one is reached (upstream.py).
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from cluster.errors import OverloadedError, UnavailableError
from cluster.observe.logs import event
from workloads.serving.engine.base import Chunk, Request

_LOG = logging.getLogger(__name__)

ATTEMPTS = 4
"""Replicas that one answer may have in all. A request that itself kills replicas must not take them one after the other."""

_BACK_OFF_SECONDS = 0.25
"""Before asking again where no replica took the rest; doubled each time."""

Attempt = Callable[[Request], AsyncGenerator[Chunk, None]]
"""One replica's chunks for a request. Raises ReplicaLostError, or UnavailableError and OverloadedError where none took it."""


class ReplicaLostError(UnavailableError):
    """The replica that had the request is gone, or hands it over."""


@dataclass
class _Answer:
    """What has come of an answer so far."""

    request: Request
    token_ids: tuple[int, ...] = ()
    prompt_scored: bool = False
    attempts: int = 0

    def take(self, chunk: Chunk) -> None:
        self.token_ids += chunk.token_ids
        self.prompt_scored = self.prompt_scored or bool(chunk.prompt_scores)

    def rest(self) -> Request:
        """The request for what is missing, under a name of its own: the lost replica may still be ending the first."""
        self.attempts += 1
        if self.attempts == 1:
            return self.request
        sampling = self.request.sampling
        return replace(
            self.request,
            id=f"{self.request.id}-{self.attempts}",
            resume_tokens=self.request.resume_tokens + self.token_ids,
            sampling=replace(sampling, prompt_logprobs=None) if self.prompt_scored else sampling,
        )

    @property
    def late(self) -> bool:
        return bool(self.request.deadline) and time.time() >= self.request.deadline


async def continued(
    attempt: Attempt, request: Request, lost: Callable[[], None], waits: bool = True
) -> AsyncGenerator[Chunk, None]:
    """The chunks of one answer from as many replicas as it takes; `lost` is called for each that was lost on the way. `waits`:
    where no replica takes the rest, one is asked for again.

    Raises what the first attempt, or one that is not to wait, raises where no replica took the request, and UnavailableError once
    ATTEMPTS are used up or the request's deadline has passed.
    """
    answer, failure = _Answer(request), UnavailableError("")
    while answer.attempts < ATTEMPTS and not answer.late:
        try:
            async with aclosing(attempt(answer.rest())) as chunks:
                async for chunk in chunks:
                    answer.take(chunk)
                    yield chunk
                    if chunk.finish is not None:
                        return
            failure = ReplicaLostError("the replica's stream ended without an end")
        except ReplicaLostError as error:
            failure = error
        except (UnavailableError, OverloadedError):
            if answer.attempts == 1 or not waits:
                raise
            await asyncio.sleep(_BACK_OFF_SECONDS * 2 ** (answer.attempts - 2))
            continue
        lost()
        _tell(answer, failure)
    raise UnavailableError(
        f"the replica that answered was lost after {len(answer.token_ids)} tokens and no other went on",
        "",
        "send the request again shortly",
    ) from failure


def _tell(answer: _Answer, failure: UnavailableError) -> None:
    event(
        _LOG,
        "replica_lost",
        logging.WARNING,
        request_id=answer.request.origin,
        tokens=len(answer.token_ids),
        attempts=answer.attempts,
        reason=str(failure),
    )
