"""Which replica a request goes to: one that has read the beginning of its prompt before, or has its adapter, unless others have much
less to do.

Ray Serve runs this in every gateway. Its own prefix router needs vLLM, asks a central actor for every request and lets one replica
fill up by default (ray.serve.llm, 2.60). Not for what is remembered (prefixes.py).
"""

import random
from typing import Any

from ray.serve.request_router import (
    FIFOMixin,
    LocalityMixin,
    MultiplexMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

from workloads.serving.engine.base import Request
from workloads.serving.prefixes import Prefixes, has_room


class PrefixRouter(FIFOMixin, LocalityMixin, MultiplexMixin, RequestRouter):
    """The best of two replicas at random (Mitzenmacher 2001), after one that has read the prompt's beginning and has room.

    First in, first out: the choices of one HTTP request have one id between them, and a router that tells requests apart by it
    turns for ever in the gateway's event loop (Ray 2.60).
    """

    def initialize_state(self, **_: Any) -> None:
        self._prefixes: Prefixes[ReplicaID] = Prefixes()

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        two = _two_of(candidate_replicas)
        reader = self._reader(candidate_replicas, _asked(pending_request))
        return [two] if reader is None else [[reader], two]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any) -> None:
        if (request := _asked(pending_request)) is not None:
            self._prefixes.note(_tokens(request), replica_id, _adapter(request))

    def _reader(self, candidates: list[RunningReplica], request: Request | None) -> RunningReplica | None:
        if len(candidates) < 2 or request is None:
            return None
        there = {each.replica_id: each for each in candidates}
        found = self._prefixes.reader(_tokens(request), there, _adapter(request))
        if found is None:
            return None
        requests = {name: self.replica_queue_len_cache.get(name) or 0 for name in there}
        return there[found] if has_room(found, requests) else None


def _two_of(candidates: list[RunningReplica]) -> list[RunningReplica]:
    return random.sample(candidates, min(2, len(candidates)))


def _asked(pending: PendingRequest | None) -> Request | None:
    """None where something else than an answer is asked for."""
    asked = pending.args[0] if pending is not None and pending.args else None
    return asked if isinstance(asked, Request) else None


def _tokens(request: Request) -> tuple[int, ...]:
    return request.token_ids + request.resume_tokens


def _adapter(request: Request) -> str:
    return request.adapter.content if request.adapter else ""
