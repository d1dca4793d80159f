"""Measure one replica's engine on this machine: its speed at few and many clients, with short and long prompts, and its memory.

In a process of its own, which holds what a replica's does and nothing else. Takes one to some minutes; other work on the machine
shows in the figures. Not for what follows from them (costs.py, plan.py).
"""

import asyncio
import itertools
import json
import math
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cluster.errors import UserError
from cluster.observe.footprint import Footprint, footprint
from workloads.serving.builds.choice import BuildRef, load_chosen
from workloads.serving.engine.base import Capabilities, Engine, EngineSettings
from workloads.serving.engine.openvino import runtime
from workloads.serving.memory import token_bytes
from workloads.serving.planning.costs import Costs, Point, Shape
from workloads.serving.planning.drive import drive, read_prompt
from workloads.serving.planning.machine import this_machine
from workloads.serving.planning.measured import Check, Measured, Memory, Way

_ANSWER, _SHORT, _LONG = 64, 32, 512  # tokens, where the model's context holds them
_SECONDS = 1.0
_ROUNDS = 3
_SEED = 0


@dataclass(frozen=True)
class Subject:
    """What is measured: a model's folder, and how its replicas run (as replica.py is told)."""

    model: str
    folder: Path
    engine: str
    build: BuildRef | None
    settings: EngineSettings
    weights: str


def measure_apart(subject: Subject) -> Measured:
    """`measure` in a new process. Raises UserError where that ends before it has measured."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(measure, subject).result()
        except BrokenProcessPool as error:
            raise UserError(
                f"the process that measured {subject.folder} ended",
                "memory for the model and its cache",
                "lower serving.slots or serving.max_context, or measure on a larger machine",
            ) from error


def measure(subject: Subject, seconds: float = _SECONDS) -> Measured:
    """All figures of one engine, loaded here. `seconds` for each number of clients and shape, in each round."""
    import ray.serve  # noqa: F401 - a replica's process has it in memory

    busy, bare, begun = os.getloadavg()[0], footprint(), time.perf_counter()
    engine = load_chosen(subject.engine, subject.folder, subject.build, subject.settings)
    took, loaded = time.perf_counter() - begun, footprint()
    try:
        costs, checks = asyncio.run(_speeds(engine, seconds))
        return _result(subject, engine, costs, checks, (bare, loaded, footprint()), took, busy)
    finally:
        engine.close()


async def _speeds(engine: Engine, seconds: float) -> tuple[Costs, tuple[Check, ...]]:
    draws, slots, (short, long) = random.Random(_SEED), engine.capabilities.slots, shapes_for(engine.capabilities.max_context)
    await drive(engine, min(2, slots), Shape(short.prompt, 4), 0.0, draws)  # what is done once, is done
    between = Shape((short.prompt + long.prompt) // 2, short.answer)
    loads = [(clients, shape) for shape in (short, long) for clients in clients_for(slots)]
    checks = [(clients, between) for clients in checked_for(slots)]
    times: dict[int, list[float]] = {short.prompt: [], long.prompt: []}
    seen: dict[tuple[int, Shape], list[Point]] = {load: [] for load in (*loads, *checks)}
    for _ in range(_ROUNDS):  # in turns, so that other work on the machine disturbs all alike
        for tokens, taken in times.items():
            taken.append(await read_prompt(engine, tokens, draws))
        for (clients, shape), points in seen.items():
            points.append(await drive(engine, clients, shape, seconds, draws))
    prompts = tuple((tokens, statistics.median(taken)) for tokens, taken in times.items())
    costs = Costs(tuple(middle_of(seen[load]) for load in loads), prompts)
    found = (Check(middle_of(seen[load]), costs.requests_per_second(*load) * between.answer) for load in checks)
    return costs, tuple(found)


def middle_of(points: Sequence[Point]) -> Point:
    """The point of the middle speed, which says how far the others are from it."""
    ordered = sorted(points, key=lambda point: point.tokens_per_second)
    middle = ordered[len(ordered) // 2]
    spread = (ordered[-1].tokens_per_second - ordered[0].tokens_per_second) / 2
    return replace(middle, scatter=spread / middle.tokens_per_second)


def shapes_for(max_context: int) -> tuple[Shape, Shape]:
    """A short and a long request that the context holds."""
    answer = max(2, min(_ANSWER, max_context // 4))
    long = max(3, min(_LONG, max_context - answer - 1))
    return Shape(max(2, min(_SHORT, long // 2)), answer), Shape(long, answer)


def clients_for(slots: int) -> list[int]:
    """One, two (from where on an engine may compute in another way), a quarter of the slots, and as many as there are."""
    return sorted({1, min(2, slots), max(1, slots // 4), slots})


def checked_for(slots: int) -> list[int]:
    """Numbers of clients in the midst of those."""
    known = clients_for(slots)
    return [round(math.sqrt(low * high)) for low, high in itertools.pairwise(known) if high > low + 1]


def _number_bytes(can: Capabilities, weights: str) -> int:
    """Of keys and values in this machine's memory."""
    if can.device != "cpu":
        return 0
    return 2 if can.engine == "openvino" and weights != "f32" and runtime.precision_here("bf16") == "bf16" else 4


def _result(
    subject: Subject,
    engine: Engine,
    costs: Costs,
    checks: tuple[Check, ...],
    memory: tuple[Footprint, Footprint, Footprint],
    load_seconds: float,
    busy: float,
) -> Measured:
    can, settings = engine.capabilities, subject.settings
    config = json.loads((subject.folder / "config.json").read_text(encoding="utf-8"))
    longest = max(point.shape.prompt + point.shape.answer for point in costs.points)
    return Measured(
        model=subject.model,
        machine=this_machine(can.device != "cpu"),
        way=Way(can.engine, subject.weights, settings.threads, can.slots),
        costs=costs,
        checks=checks,
        memory=Memory(*memory, longest * can.slots, token_bytes(config, _number_bytes(can, subject.weights))),
        load_seconds=load_seconds,
        max_context=can.max_context,
        parameters=can.parameters,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        busy=busy,
    )
