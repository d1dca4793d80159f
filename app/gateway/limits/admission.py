"""What stands between a request that is understood and the replicas: its tenant's rate, and a place at its revision.

Not for who the caller is (guard.py), nor for answers that cost no generation: a kept answer needs no place.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.gateway.job import Job
from app.gateway.limits.caller import Caller
from app.gateway.limits.gate import Gate, Size
from app.gateway.limits.tenant import Tenant
from cluster.errors import UnavailableError
from workloads.serving.engine.base import Capabilities, Stats
from workloads.serving.gateway_spec import LimitsSpec

_LOOK_SECONDS = 2.0
"""How often the replicas are asked how many places they have: copies come and go."""


class Admission:
    """All gates of one gateway of `gateways`, which share what there is evenly. `stats` asks a revision's replicas."""

    def __init__(self, limits: LimitsSpec, gateways: int, stats: Callable[[str], Awaitable[Stats]]) -> None:
        self._limits, self._share, self._stats = limits, 1 / gateways, stats
        self._gates: dict[str, Gate] = {}
        self._tenants: dict[str, Tenant] = {}
        self._looked: dict[str, float] = {}
        self._looking: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return sum(gate.waiting for gate in self._gates.values())

    def tenant(self, name: str) -> Tenant:
        if name not in self._tenants:
            limits = self._limits.tenants.get(name, self._limits.default)
            self._tenants[name] = Tenant(name, limits, self._share)
        return self._tenants[name]

    @asynccontextmanager
    async def place(self, job: Job, caller: Caller) -> AsyncIterator[Tenant]:
        """A place for the job for the time of the block; the tenant that pays for its tokens. Raises OverloadedError."""
        tenant = self.tenant(caller.tenant)
        tenant.require_tokens()
        gate = self._gate(job)
        async with gate.place(size_of(job), tenant, caller.seconds_left()):
            tenant.use(job.prompt_tokens)
            yield tenant

    def _gate(self, job: Job) -> Gate:
        app, capabilities = job.served.app, job.served.card.capabilities
        if app not in self._gates:
            self._gates = {name: gate for name, gate in self._gates.items() if not gate.idle}  # a release leaves others unused
            self._gates[app] = Gate(self._room(capabilities.slots, capabilities), self._limits.longest_wait)
            self._looked[app] = 0.0
        if time.monotonic() - self._looked[app] > _LOOK_SECONDS:
            self._looked = {name: when for name, when in self._looked.items() if name in self._gates}
            self._looked[app] = time.monotonic()
            task = asyncio.create_task(self._look(app, self._gates[app], capabilities))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        return self._gates[app]

    async def _look(self, app: str, gate: Gate, capabilities: Capabilities) -> None:
        """Ask how many places there are. Where nobody answers, or all copies sleep, what was known stays."""
        try:
            slots = (await self._stats(app)).slots
        except UnavailableError:
            return
        if slots:
            gate.resize(self._room(slots, capabilities))

    def _room(self, slots: int, capabilities: Capabilities) -> Size:
        mine = max(1, round(slots * self._share))
        return Size(mine, mine * capabilities.max_context)


def size_of(job: Job) -> Size:
    """A slot per choice, and the most tokens that its prompt and answer can take."""
    return Size(len(job.requests), sum(len(each.token_ids) + each.max_new_tokens for each in job.requests))
