"""What Ray Serve says of its replicas, in our words: lost, full, none there, or the engine's own error."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RequestCancelledError

from app.gateway.upstream import ServeUpstream, Takes
from cluster.errors import ContextLengthError, HanlinError, OverloadedError, RequestError, UnavailableError
from workloads.serving.engine.base import Chunk, Request

TAKEN, WHOLE = Chunk(), [Chunk((1,)), Chunk((2,)), Chunk((3,), finish="length")]
CANCELLED = grpc.aio.AioRpcError(grpc.StatusCode.CANCELLED, grpc.aio.Metadata(), grpc.aio.Metadata())


@dataclass
class Stream:
    """A response of Serve's: chunks, then perhaps an error; None waits for ever."""

    steps: list[Any]
    cancelled: bool = False

    def __post_init__(self) -> None:
        self._chunks = self._run()

    async def _run(self) -> AsyncGenerator[Chunk, None]:
        for step in self.steps:
            if step is None:
                await asyncio.Event().wait()
            if isinstance(step, Exception):
                raise step
            yield step

    def __aiter__(self) -> AsyncGenerator[Chunk, None]:
        return self._chunks

    async def __anext__(self) -> Chunk:
        return await anext(self._chunks)

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Handle:
    """Serve's handle of a deployment whose replicas answer as `streams` say, one after the other."""

    streams: list[Stream]
    asked: list[Request] = field(default_factory=list)
    card: Any = None

    def options(self, **_: Any) -> "Handle":
        return self

    @property
    def generate(self) -> "Handle":
        return self

    def remote(self, request: Request, pause: float) -> Stream:
        self.asked.append(request)
        return self.streams[len(self.asked) - 1]


def task_error(cause: Exception) -> RayTaskError:
    """What Serve raises for an exception of the replica's own code."""
    error: RayTaskError = RayTaskError("generate", "", cause).as_instanceof_cause()
    return error


def ask(
    *steps: list[Any], deadline: float = 0.0, accept_seconds: float = 5.0, taken_within: float = 0.0
) -> tuple[Chunk, Handle]:
    upstream, handle = ServeUpstream(accept_seconds, sleeps=False), Handle([Stream(each) for each in steps])
    upstream._handles["app"] = handle

    async def run() -> Chunk:
        whole = Chunk()
        async for chunk in upstream.generate("app", Request("r", (9,), 3, deadline=deadline), 0.0, taken_within):
            whole = whole.then(chunk)
        return whole

    return asyncio.run(run()), handle


LOSSES: dict[str, list[Any]] = {
    "killed": [TAKEN, *WHOLE[:2], ActorUnavailableError("gone", b"\0" * 16)],
    "known to be dead": [TAKEN, *WHOLE[:2], ActorDiedError()],
    "before its first word": [ActorDiedError()],
    "ended by Serve in mid-stream": [TAKEN, *WHOLE[:2], CANCELLED],
    "cancelled by Serve": [TAKEN, WHOLE[0], RequestCancelledError("r")],
    "drained": [TAKEN, WHOLE[0], Chunk(finish="drained")],
    "engine closed": [TAKEN, WHOLE[0], Chunk(finish="cancelled")],
    "engine's thread ended": [TAKEN, WHOLE[0], Chunk(finish="error")],
    "engine takes no more": [TAKEN, task_error(UnavailableError("this replica takes no more requests"))],
    "ends without an end": [TAKEN, *WHOLE[:2]],
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_replica_is_followed_by_another(loss: str) -> None:
    steps = LOSSES[loss]
    come = sum(len(each.token_ids) for each in steps if isinstance(each, Chunk) and each.finish is None)
    whole, handle = ask(steps, [TAKEN, *WHOLE[come:]])
    assert whole == Chunk((1, 2, 3), finish="length")
    assert handle.asked[1].resume_tokens == (1, 2, 3)[:come]
    assert not handle.streams[1].cancelled


ENDS: list[tuple[list[Any], type[HanlinError]]] = [
    ([BackPressureError(num_queued_requests=1, max_queued_requests=1)], OverloadedError),
    ([DeploymentUnavailableError(DeploymentID("replica", "app"))], UnavailableError),
    ([None], UnavailableError),
    ([TAKEN, task_error(ContextLengthError("long"))], ContextLengthError),
    ([TAKEN, WHOLE[0], task_error(RequestError("bad"))], RequestError),
]


@pytest.mark.parametrize(("steps", "error"), ENDS)
def test_what_is_no_loss_ends_the_answer(steps: list[Any], error: type[HanlinError]) -> None:
    with pytest.raises(error):
        ask(steps, accept_seconds=0.05)


def test_a_replica_has_no_longer_to_take_a_request_than_the_request_has_left() -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        ask([None], deadline=time.time() + 0.05, accept_seconds=60)
    assert time.monotonic() - began < 30


def test_nor_than_one_who_has_another_to_ask_gives_it() -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        ask([TAKEN, WHOLE[0], ActorDiedError()], [None], accept_seconds=60, taken_within=0.05)
    assert time.monotonic() - began < 30


def test_a_replica_that_takes_longer_than_others_is_not_taken_for_gone_twice() -> None:
    """After fifty quick takes a request is waited for a twentieth of a second; how long this one's replicas take is asked then."""

    async def slow_card() -> None:
        await asyncio.sleep(0.1)

    async def run() -> None:
        upstream = ServeUpstream(60, sleeps=False)
        quick, slow = Handle([Stream([TAKEN, *WHOLE]) for _ in range(100)]), Handle([Stream([None]), Stream([TAKEN, *WHOLE])])
        slow.card = SimpleNamespace(remote=slow_card)
        upstream._handles |= {"quick": quick, "slow": slow}

        async def fifty() -> None:
            for _ in range(50):
                await anext(upstream.generate("quick", Request("r", (9,), 3), 0.0))

        await fifty()
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await anext(upstream.generate("slow", Request("r", (9,), 3), 0.0, taken_within=30))
        assert time.monotonic() - began < 15
        await upstream._learning["slow"]
        await fifty()  # of another, which make nothing forgotten
        assert upstream._takes.within(30, upstream._slow["slow"]) > 0.25
        assert await anext(upstream.generate("slow", Request("r", (9,), 3), 0.0, taken_within=30))
        assert upstream._learning == {}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("takes", "wait"),
    [
        ([0.003] * 49, 0.25),  # not enough is known yet
        ([0.003] * 50, 0.05),
        ([0.003] * 25 + [0.03] + [0.003] * 24, 0.09),
        ([0.4] * 50, 0.25),
        ([0.4] * 50 + [0.003] * 50, 0.05),
    ],
)
def test_where_all_are_taken_soon_nobody_is_waited_for_long(takes: list[float], wait: float) -> None:
    found = Takes()
    for each in takes:
        found.note(each)
    assert found.within(0.25) == pytest.approx(wait)


def test_an_error_of_the_engine_is_passed_on() -> None:
    whole, _ = ask([TAKEN, WHOLE[0], Chunk(finish="error", error="out of memory")])
    assert (whole.finish, whole.error) == ("error", "out of memory")
