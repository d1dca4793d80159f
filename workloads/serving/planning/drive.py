"""Clients of an engine that ask one request after the other, as many at once as told: what they see of it.

Through the engine's interface alone. Every prompt is drawn anew, so that none is known from before; the clients' first answers have
unlike lengths, so that they do not go in step, and are not counted.
"""

import asyncio
import random
import statistics
import time
import uuid
from dataclasses import dataclass, field, replace
from itertools import chain, repeat

from workloads.serving.engine.base import Engine, Request, Sampling
from workloads.serving.planning.costs import Point, Shape

_AS_MOST_DO = Sampling(temperature=0.8, top_p=0.9)


@dataclass
class _Seen:
    """Moments at which tokens came, with how many; seconds to first tokens and between later ones, of answers that have ended."""

    tokens: list[tuple[float, int]] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    ended: int = 0


async def drive(engine: Engine, clients: int, shape: Shape, seconds: float, draws: random.Random) -> Point:
    """Ask for so long, and until as many answers as there are clients have ended meanwhile."""
    seen, stopped = _Seen(), asyncio.Event()
    starts = [Shape(shape.prompt, 1 + shape.answer * client // clients) for client in range(clients)]
    tasks = [asyncio.create_task(_client(engine, start, shape, draws, seen, stopped)) for start in starts]
    try:
        await _until(seen, clients, tasks)
        begun, before = time.perf_counter(), seen.ended
        await asyncio.sleep(seconds)
        await _until(seen, before + clients, tasks)
        ended = time.perf_counter()
    finally:
        stopped.set()
        await asyncio.gather(*tasks)
    return _point(seen, clients, shape, begun, ended)


async def read_prompt(engine: Engine, tokens: int, draws: random.Random) -> float:
    """Seconds from a prompt to its first token, nobody else asking."""
    begun = time.perf_counter()
    async for _ in engine.generate(_request(engine, Shape(tokens, 1), draws)):
        pass
    return time.perf_counter() - begun


async def _client(
    engine: Engine, start: Shape, shape: Shape, draws: random.Random, seen: _Seen, stopped: asyncio.Event
) -> None:
    for each in chain([start], repeat(shape)):
        if stopped.is_set():
            return
        begun, first, count = time.perf_counter(), 0.0, 0
        async for chunk in engine.generate(_request(engine, each, draws)):
            now = time.perf_counter()
            if chunk.token_ids:
                first = first or now
                count += len(chunk.token_ids)
                seen.tokens.append((now, len(chunk.token_ids)))
        if chunk.finish != "length":
            raise RuntimeError(f"an answer ended with {chunk.finish} ({chunk.error})")
        seen.ended += 1
        seen.firsts.append(first - begun)
        seen.between.append((now - first) / max(1, count - 1))


async def _until(seen: _Seen, answers: int, tasks: list[asyncio.Task[None]]) -> None:
    """Raises what a client raised."""
    while seen.ended < answers:
        done, _ = await asyncio.wait(tasks, timeout=0.01)
        for task in done:
            task.result()


def _request(engine: Engine, shape: Shape, draws: random.Random) -> Request:
    vocabulary = engine.capabilities.vocabulary
    prompt = tuple(draws.randrange(vocabulary) for _ in range(shape.prompt))
    return Request(uuid.uuid4().hex, prompt, shape.answer, replace(_AS_MOST_DO, seed=draws.randrange(1 << 30)))


def _point(seen: _Seen, clients: int, shape: Shape, begun: float, ended: float) -> Point:
    tokens = sum(count for moment, count in seen.tokens if begun <= moment < ended)
    firsts, between = seen.firsts[clients:], seen.between[clients:]
    return Point(clients, shape, tokens / (ended - begun), statistics.fmean(firsts), statistics.fmean(between))
