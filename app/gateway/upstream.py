"""The gateway's way to the replicas. Errors of Ray become ours here and nowhere else."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from cluster.errors import HanlinError, OverloadedError, UnavailableError
from workloads.serving.card import ModelCard
from workloads.serving.deploy import DEPLOYMENT
from workloads.serving.engine.base import Chunk, Request, Stats

ACCEPT_SECONDS = 10.0
"""How long a request waits for a replica to take it before 503 is answered."""


ENCODE_SECONDS = 60.0
"""How long a batch for an encoder may take before 503 is answered."""
Batch = Sequence[Sequence[int]]


class Upstream(Protocol):
    """Served revisions, by the name of their Serve application."""

    async def card(self, app: str) -> ModelCard:
        """What the gateway must know of a revision. Raises UnavailableError."""

    async def stats(self, app: str) -> Stats:
        """The sum over its replicas. Raises UnavailableError."""

    def generate(self, app: str, request: Request, pause: float) -> AsyncGenerator[Chunk, None]:
        """The engine's chunks. Closing it early frees the request's place. Raises UnavailableError, OverloadedError."""

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        """A vector per sequence. Raises RequestError where the model makes none, UnavailableError, OverloadedError."""

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        """For each sequence and each `mask` in it the best tokens with their probabilities. Raises as `embed`."""

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        """For each sequence the labels with their probabilities. Raises as `embed`."""


class ServeUpstream:
    """Replicas on Ray Serve."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    async def card(self, app: str) -> ModelCard:
        with _plain_errors():
            handle = await self._handle(app)
            card: ModelCard = await asyncio.wait_for(handle.card.remote(), ACCEPT_SECONDS)
            return card

    async def stats(self, app: str) -> Stats:
        with _plain_errors():
            handle = await self._handle(app)
            told: list[Stats] = await handle.broadcast("stats").results_async(timeout_s=ACCEPT_SECONDS)
            return Stats.together(told)

    async def generate(self, app: str, request: Request, pause: float) -> AsyncGenerator[Chunk, None]:
        with _plain_errors():
            handle = await self._handle(app)
            # by value over gRPC: in one run 737 instead of 1,362 us of processor time per token at 16 streams
            response = handle.options(stream=True, _by_reference=False).generate.remote(request, pause)
            ended = False
            try:
                await asyncio.wait_for(anext(response), ACCEPT_SECONDS)  # empty: a replica has taken the request
                async for chunk in response:
                    ended = chunk.finish is not None
                    yield chunk
                if not ended:
                    raise UnavailableError("the replica's stream ended without an end", "", "send the request again")
            finally:
                if not ended:
                    response.cancel()

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        return list(await self._encode(app, "embed", batch))

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        return list(await self._encode(app, "fill_mask", batch, mask, top))

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        return list(await self._encode(app, "classify", batch))

    async def _encode(self, app: str, task: str, *arguments: Any) -> Any:
        with _plain_errors():
            handle = await self._handle(app)
            return await asyncio.wait_for(handle.encode.remote(task, *arguments), ENCODE_SECONDS)

    async def _handle(self, app: str) -> Any:
        from ray import serve

        if app not in self._handles:
            try:
                self._handles[app] = await asyncio.to_thread(serve.get_deployment_handle, DEPLOYMENT, app)
            except KeyError as error:
                raise UnavailableError(f"{app} is not deployed", "", "send the request again shortly") from error
        return self._handles[app]


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
