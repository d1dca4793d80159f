"""The gateway's way to the replicas. Errors of Ray become ours here and nowhere else."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from app.gateway.continuation import ReplicaLostError, continued
from cluster.errors import HanlinError, OverloadedError, UnavailableError
from cluster.observe.metrics import SERVING_LOST
from workloads.serving.card import ModelCard
from workloads.serving.deploy import DEPLOYMENT
from workloads.serving.engine.base import Chunk, Request, Stats

_TELL_SECONDS = 10.0
"""How long replicas may take to say how they are."""


_BY_VALUE = {"_by_reference": False, "request_serialization": "pickle", "response_serialization": "pickle"}
"""Over gRPC: in one run 737 instead of 1,362 us of processor time per token at 16 streams; and without the pickler that also knows
closures, which takes 7 us for a chunk instead of 3."""

_TAKES, _TAKE_FACTOR, _LEAST_TAKE = 50, 3.0, 0.05
"""How many of the last takes are remembered; how many times the slowest of them, and how many seconds at least, a request that could
be asked of another revision waits. A replica takes one in 3 ms, in some tens on a machine that is full."""

ENCODE_SECONDS = 60.0
"""How long a batch for an encoder may take before 503 is answered."""
Batch = Sequence[Sequence[int]]


class Upstream(Protocol):
    """Served revisions, by the name of their Serve application."""

    async def card(self, app: str) -> ModelCard:
        """What the gateway must know of a revision. Raises UnavailableError."""

    async def stats(self, app: str) -> Stats:
        """The sum over its replicas. Raises UnavailableError."""

    def generate(self, app: str, request: Request, pause: float, taken_within: float = 0.0) -> AsyncGenerator[Chunk, None]:
        """The engine's chunks, from another replica where one is lost. Closing it early frees the request's place.

        `taken_within`: seconds in which a replica must take the request, or its rest, where the caller has another revision to
        ask (0: as long as requests wait); sooner, where all were taken sooner lately. Raises UnavailableError, OverloadedError."""

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        """A vector per sequence. Raises RequestError where the model makes none, UnavailableError, OverloadedError."""

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        """For each sequence and each `mask` in it the best tokens with their probabilities. Raises as `embed`."""

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        """For each sequence the labels with their probabilities. Raises as `embed`."""


class Takes:
    """How long replicas took to take the last requests: what that says of how long to wait for one that may not be there."""

    def __init__(self) -> None:
        self._seconds = deque[float](maxlen=_TAKES)

    def note(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def within(self, most: float, slow: float = 0.0) -> float:
        """Seconds after which nobody is there: `most`, until there are enough takes to know better. `slow`: a take by those that are
        asked now, which may be slower than others."""
        if len(self._seconds) < _TAKES:
            return most
        return min(most, max(_LEAST_TAKE, _TAKE_FACTOR * max(*self._seconds, slow)))


class ServeUpstream:
    """Replicas on Ray Serve. `accept_seconds`: how long a request waits for one to take it; `sleeps`: there may be none of a
    revision for which nobody asks, and it counts as there."""

    def __init__(self, accept_seconds: float, sleeps: bool) -> None:
        self._handles: dict[str, Any] = {}
        self._cards: dict[str, ModelCard] = {}
        self._accept_seconds, self._sleeps = accept_seconds, sleeps
        self._takes = Takes()
        self._slow: dict[str, float] = {}  # by application: what a replica took that had not taken a request in time
        self._learning: dict[str, asyncio.Task[None]] = {}

    async def card(self, app: str) -> ModelCard:
        if self._sleeps and app in self._cards:
            return self._cards[app]  # to ask for it would wake a replica
        with _plain_errors():
            handle = await self._handle(app)
            async with asyncio.timeout(self._accept_seconds):
                card: ModelCard = await handle.card.remote()
            self._cards[app] = card
            return card

    async def stats(self, app: str) -> Stats:
        with _plain_errors():
            handle = await self._handle(app)
            told: list[Stats] = await handle.broadcast("stats").results_async(timeout_s=_TELL_SECONDS)
            return Stats.together(told)

    def generate(self, app: str, request: Request, pause: float, taken_within: float = 0.0) -> AsyncGenerator[Chunk, None]:
        """A replica that is lost, also one that Serve ends because its time to finish is up, is followed by another."""
        lost = partial(SERVING_LOST.record, app=app)
        attempt = partial(self._generate_once, app, pause=pause, taken_within=taken_within)
        return continued(attempt, request, lost, waits=not taken_within)

    async def _generate_once(
        self, app: str, request: Request, pause: float, taken_within: float
    ) -> AsyncGenerator[Chunk, None]:
        with _plain_errors():
            handle = await self._handle(app)
            response = handle.options(stream=True, **_BY_VALUE).generate.remote(request, pause)
            ended = False
            try:
                with _loss():
                    await self._taken(app, response, request, taken_within)
                    async for chunk in response:
                        ended = chunk.finish is not None
                        yield _still_ours(chunk)
            finally:
                if not ended:
                    response.cancel()

    async def _taken(self, app: str, response: Any, request: Request, taken_within: float) -> None:
        """Wait until a replica has the request, which it says by an empty chunk. Raises TimeoutError."""
        began, patience = time.monotonic(), self._patience(request)
        if taken_within:
            patience = min(patience, self._takes.within(taken_within, self._slow.get(app, 0.0)))
        try:
            async with asyncio.timeout(patience):
                await anext(response)
        except TimeoutError:
            if taken_within and app not in self._learning:
                self._learning[app] = asyncio.create_task(self._learn(app, taken_within))
            raise
        self._takes.note(time.monotonic() - began)

    async def _learn(self, app: str, most: float) -> None:
        """How long its replicas take: those that are there and slower than others' must be waited for next time."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(most):
                await self._handles[app].card.remote()
            self._slow[app] = time.monotonic() - began
        except Exception:  # noqa: BLE001 - nobody is there, for whatever reason: then there is nothing to learn
            pass
        finally:
            del self._learning[app]

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        return list(await self._encode(app, "embed", batch))

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        return list(await self._encode(app, "fill_mask", batch, mask, top))

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        return list(await self._encode(app, "classify", batch))

    async def _encode(self, app: str, task: str, *arguments: Any) -> Any:
        with _plain_errors():
            handle = await self._handle(app)
            async with asyncio.timeout(ENCODE_SECONDS):
                return await handle.encode.remote(task, *arguments)

    def _patience(self, request: Request) -> float:
        """No longer than the request has left."""
        left = max(request.deadline - time.time(), 0.0) if request.deadline else self._accept_seconds
        return min(self._accept_seconds, left)

    async def _handle(self, app: str) -> Any:
        from ray import serve

        if app not in self._handles:
            try:
                self._handles[app] = await asyncio.to_thread(serve.get_deployment_handle, DEPLOYMENT, app)
            except KeyError as error:
                raise UnavailableError(f"{app} is not deployed", "", "send the request again shortly") from error
        return self._handles[app]


def _still_ours(chunk: Chunk) -> Chunk:
    """The chunk. Raises ReplicaLostError for one that ends the answer because its engine ends, not because it is whole."""
    if chunk.finish in ("drained", "cancelled"):
        raise ReplicaLostError("the replica is going away")
    if chunk.finish == "error" and not chunk.error:
        raise ReplicaLostError("the replica's engine has ended")
    return chunk


@contextmanager
def _loss() -> Iterator[None]:
    """What ends a stream is the loss of its replica, but for an error that its engine tells, and where none has taken it."""
    from grpc import RpcError  # Serve hands on some of its transport's own errors, such as a call cancelled by a shutdown
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

    try:
        yield
    except (BackPressureError, DeploymentUnavailableError):
        raise
    except RayTaskError as error:
        if isinstance(error.cause, UnavailableError):
            raise ReplicaLostError(str(error.cause)) from error
        raise
    except (RayError, RayServeException, RpcError) as error:
        raise ReplicaLostError(f"the replica is gone ({type(error).__name__})") from error


@contextmanager
def _plain_errors() -> Iterator[None]:
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import BackPressureError, RayServeException

    try:
        yield
    except BackPressureError as error:
        raise OverloadedError("too many requests wait for this model", "", "send the request again shortly") from error
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, HanlinError):
            raise cause from error
        raise
    except (RayError, RayServeException, TimeoutError) as error:
        raise UnavailableError("no replica of this model answers", "", "send the request again shortly") from error
