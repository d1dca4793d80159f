"""The gateway on Ray Serve: start it, tell it where models are, wait until it answers."""

import asyncio
import contextlib
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import ray

from app.gateway.board import GATEWAY_MEMORY, close_board, follow, open_board
from app.gateway.http import create_app
from app.gateway.judge import tell_judge
from app.gateway.routes import Route, Table
from app.gateway.service import Service
from app.gateway.settings import settings_of
from app.gateway.upstream import ServeUpstream
from app.registry.adapters import adapters_file
from cluster.artifacts import ArtifactStore
from cluster.errors import AddressError, UnavailableError
from cluster.observe import logs
from cluster.storage import locate
from workloads.serving.deploy import SERVE_LOGGING, start_http
from workloads.serving.spec import ServingSpec

APP = "gateway"
KEPT = "serving"
"""Folder of a store for what clients bring to the endpoint."""
_APPLY_SECONDS = 10.0
_POLL_SECONDS = 0.1


class Gateway:
    """One gateway process: the ASGI application and the task that keeps its routes the newest."""

    def __init__(self, spec: ServingSpec, store: str = "") -> None:
        logs.start_among_rays("gateway")
        upstream = ServeUpstream(spec.accept_seconds, sleeps=not spec.replicas)
        adapters = adapters_file(ArtifactStore(store)).uri if store else ""
        self._service = Service(upstream, spec.request_timeout, replace(settings_of(spec), adapters=adapters))
        self._keep = locate(store) / KEPT if store else None

    def __serve_build_asgi_app__(self) -> Any:
        return create_app(self._service, self._lifespan, answer_id=False, keep=self._keep)  # Serve's proxy does

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(follow(uuid.uuid4().hex, self._service.models.set_table)),
            asyncio.create_task(self._service.trials.observer.deliver(tell_judge)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def start_gateway(spec: ServingSpec, routes: Table, store: str = "") -> str:
    """Serve the OpenAI API at `/` for these routes; the base URL, without `/v1`, once it answers. `store`: the URI below
    which files, batches and feedback are kept; without one there are no such paths.

    Needs the routes' applications (workloads/serving/deploy.py). Raises AddressError where the port is taken.
    """
    from ray import serve

    settings_of(spec)  # before anything is started
    base_url = start_http(spec)
    open_board()
    if APP not in serve.status().applications:
        serve.run(gateway_deployment(Gateway, spec).bind(spec, store), name=APP, route_prefix="/")
    set_routes(routes)
    return base_url


def gateway_deployment(body: type[Gateway], spec: ServingSpec) -> Any:
    """The deployment of a gateway's body, not bound yet."""
    from ray import serve

    deployment: Any = serve.deployment(
        serve.ingress()(body),
        name=APP,
        num_replicas=spec.gateway_replicas,
        ray_actor_options={"num_cpus": spec.gateway_cpus, "memory": GATEWAY_MEMORY},
        max_ongoing_requests=4096,
        max_surge_percent=100,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=spec.drain_seconds,
        logging_config=SERVE_LOGGING,
    )
    return deployment


def set_routes(routes: Table) -> bool:
    """A new routing table for every gateway, from the next request on; True once each of them has it."""
    return bool(ray.get(open_board().set.remote({name: tuple(each) for name, each in routes.items()}, _APPLY_SECONDS)))


def get_routes() -> Table:
    """The routing table in force."""
    table: Table = ray.get(open_board().get.remote())
    return table


def single_route(model: str, revision: str, app: str) -> Table:
    """All requests for a model to one revision."""
    return {model: (Route(revision, app, 1.0),)}


def stop_gateway() -> None:
    """Take the endpoint away; requests on the way end first."""
    from ray import serve

    serve.delete(APP)
    close_board()


def wait_ready(base_url: str, seconds: float = 60.0, certificate: str = "") -> None:
    """Return once the endpoint answers for all its models. Raises UnavailableError after `seconds`, AddressError where
    nothing listens at the address. `certificate`: the PEM file that an endpoint with TLS must show."""
    trust = _only(certificate) if certificate else True
    end, last = time.monotonic() + seconds, ""
    while True:
        try:
            response = httpx.get(f"{base_url}/readyz", timeout=_APPLY_SECONDS, verify=trust)
            if response.status_code == httpx.codes.OK:
                return
            last = response.text.strip()[:200]
        except httpx.HTTPError as error:
            last = str(error)
        if time.monotonic() > end:
            kind = AddressError if "refused" in last.lower() else UnavailableError
            raise kind(f"{base_url} is not ready after {seconds:g} s ({last})", "", "look at the log of the gateway")
        time.sleep(_POLL_SECONDS)


def _only(certificate: str) -> ssl.SSLContext:
    """Trust in this very certificate, whatever name it is for: the endpoint is asked at its address, not by its name."""
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be its own authority
    context.check_hostname = False
    return context
