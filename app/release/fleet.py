"""The fleet on Ray Serve: revisions of one model as applications, and the gateways' table. Needs a Ray session."""

import asyncio
from dataclasses import dataclass

import psutil

from app.gateway.routes import Route
from app.gateway.serve import get_routes, set_routes
from app.registry.registry import Registry
from cluster.artifacts import Artifact
from cluster.errors import ResourceError
from workloads.serving.deploy import DEPLOYMENT, application_of, deploy_replicas, deployed, remove_revision
from workloads.serving.spec import ServingSpec

_PROCESS_BYTES = 400 << 20  # of a replica before its weights: Python, Ray and torch, measured
_WEIGHTS_FACTOR = 1.5  # room for keys and values beside the weights


@dataclass
class ServeFleet:
    """Every revision has as many replicas as the recipe says: the new one has full capacity before the old one goes."""

    model: str
    spec: ServingSpec
    registry: Registry

    def route(self, revision: int) -> Route:
        return Route(self._name(revision), application_of(self._name(revision)), 0.0)

    async def bring(self, revision: int) -> None:
        await asyncio.to_thread(self._bring, revision)

    async def take_away(self, revision: int) -> None:
        await asyncio.to_thread(remove_revision, self._name(revision))

    async def replicas(self, revision: int) -> int:
        return await asyncio.to_thread(self._replicas, revision)

    async def direct(self, routes: tuple[Route, ...]) -> None:
        await asyncio.to_thread(self._direct, routes)

    def _name(self, revision: int) -> str:
        return f"{self.model}@{revision}"

    def _bring(self, revision: int) -> None:
        if application_of(self._name(revision)) in deployed():
            return
        model = self.registry.load(str(revision))
        require_memory(model, self.spec.replicas)
        deploy_replicas(self.spec, model, self._name(revision))

    def _replicas(self, revision: int) -> int:
        from ray import serve

        application = serve.status().applications.get(application_of(self._name(revision)))
        deployment = application.deployments.get(DEPLOYMENT) if application else None
        if deployment is None:
            return 0
        asleep = deployment.status == "HEALTHY"  # none runs because none is asked
        states: dict[str, int] = deployment.replica_states  # type: ignore[assignment]  # Ray gives strings (2.60)
        return max(states.get("RUNNING", 0), int(asleep))

    def _direct(self, routes: tuple[Route, ...]) -> None:
        table = get_routes()
        if table.get(self.model) != routes:
            set_routes({**table, self.model: routes})


def require_memory(model: Artifact, replicas: int) -> None:
    """Raises ResourceError where this machine is the only one and has not the memory for one more revision: it would take
    it from the one that serves."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    if len(nodes) > 1:
        return  # Ray places replicas on a machine that has room
    weights = sum(file.size for file in model.manifest.files)
    needed, free = replicas * (_PROCESS_BYTES + int(_WEIGHTS_FACTOR * weights)), psutil.virtual_memory().available
    if needed > free:
        raise ResourceError(
            f"{model.location.name} needs about {needed >> 20} MiB beside what is served",
            f"{free >> 20} MiB are free",
            "free memory or serve fewer replicas; what was served goes on",
        )
