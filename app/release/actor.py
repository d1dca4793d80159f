"""The controller as an actor of its own, beside the gateways: it lives as long as what is served, not as long as who started
it, and takes up again what is kept wherever Ray starts it anew.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from app.gateway.board import machine_leaves
from app.gateway.judge import NAMESPACE, judge_name
from app.gateway.observation import Observation
from app.gateway.upstream import ServeUpstream
from app.registry.registry import Registry
from app.release.book import RegistryBook
from app.release.controller import Controller, World
from app.release.desk import Desk
from app.release.examiner import ServeExaminer
from app.release.fleet import ServeFleet
from app.release.hooks import load_hooks
from app.release.spec import ReleaseSpec
from cluster.artifacts import ArtifactStore
from cluster.observe import logs
from workloads.serving.spec import ServingSpec

_LOG = logging.getLogger(__name__)
_MEMORY = 200 << 20  # so that it is not placed on a cluster's head
_TICK_SECONDS = 0.25
_AGAIN_SECONDS = 1.0
_LEAVES_TICKS = 40
_MOST_WAITING = 50_000


@dataclass(frozen=True)
class Place:
    """Which model is released, how, and where all of it is kept."""

    model: str
    store: str
    tracking_uri: str
    serving: ServingSpec
    release: ReleaseSpec


class ReleaseJudge:
    """The actor's body. It works in a thread with a loop of its own, which begins with the process."""

    def __init__(self, place: Place) -> None:
        logs.start_among_rays("release")
        self._place = place
        self._seen: deque[Observation] = deque(maxlen=_MOST_WAITING)
        threading.Thread(target=lambda: asyncio.run(self._work()), name="hanlin-release", daemon=True).start()

    async def observe(self, batch: Sequence[Observation]) -> None:
        """What a gateway saw."""
        self._seen.extend(batch)

    async def _work(self) -> None:
        controller = None
        ticks = 0
        while True:
            try:
                controller = controller or Controller(self._place.release, self._world())
                controller.observe([self._seen.popleft() for _ in range(len(self._seen))])
                await controller.tick()
                await asyncio.sleep(_TICK_SECONDS)
            except Exception:  # noqa: BLE001 - a store, a board or Serve is away; a release must go on being led
                _LOG.exception("release_interrupted")
                await asyncio.sleep(_AGAIN_SECONDS)
            ticks += 1
            if ticks % _LEAVES_TICKS == 0 and await asyncio.to_thread(machine_leaves):
                os._exit(1)  # Ray starts it elsewhere

    def _world(self) -> World:
        place = self._place
        store = ArtifactStore(place.store)
        registry = Registry(place.model, store, place.tracking_uri)
        upstream = ServeUpstream(place.serving.accept_seconds, sleeps=not place.serving.replicas)
        examiner = ServeExaminer(place.model, upstream, place.release.garbage_bits)
        fleet = ServeFleet(place.model, place.serving, registry)
        return World(Desk(store, place.model), fleet, RegistryBook(registry), examiner, load_hooks(place.release.hooks))


def start_judge(place: Place) -> Any:
    """The actor that leads the releases of a model; it is started where there is none."""
    load_hooks(place.release.hooks)  # from here the message is plain
    actor: Any = ray.remote(ReleaseJudge)
    return actor.options(
        name=judge_name(place.model),
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        memory=_MEMORY,
        max_restarts=-1,
        max_concurrency=100,
    ).remote(place)


def stop_judge(model: str) -> None:
    """End it; a release that is under way goes on when it is started again."""
    with contextlib.suppress(ValueError):
        ray.kill(ray.get_actor(judge_name(model), namespace=NAMESPACE))
