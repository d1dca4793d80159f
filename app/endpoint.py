"""A revision behind HTTP for the time of a block: its Serve application, the gateway, and a ready answer."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.recipe import Recipe
from app.registry.registry import open_registry
from app.registry.revision import PRODUCTION, Revision
from app.release.desk import Desk
from cluster.errors import Interrupted
from cluster.stage import StageContext
from workloads.serving.spec import ServingSpec


@dataclass(frozen=True)
class Endpoint:
    """Where a revision answers."""

    url: str
    revision: Revision


@contextmanager
def open_endpoint(recipe: Recipe, context: StageContext, wanted: str = "production") -> Iterator[Endpoint]:
    """Deploy the wanted revision and the gateway; both end with the block, but for what another process serves: a revision
    that was there before, a gateway that leads to another one by then. Raises ArtifactError where the model's bytes differ
    from what was registered, AddressError where the port is taken."""
    from app.gateway.serve import single_route, start_gateway, wait_ready
    from app.gateway.settings import with_keys
    from app.release.actor import Place, start_judge
    from workloads.serving.deploy import application_of, deploy_revision, deployed, engine_of

    registry = open_registry(recipe.registry, context)
    revision = registry.show(wanted)
    model = registry.load(str(revision.number))
    context.before_work()
    context.reporter.start("endpoint", "")
    spec = with_keys(_with_files(recipe.serving, context), context)
    desk = Desk(context.store, revision.model)
    with ExitStack() as ours:
        if application_of(revision.name) not in deployed():
            ours.callback(_leave, revision, desk)
        application = deploy_revision(spec, model, revision.name)
        url = start_gateway(spec, single_route(revision.model, revision.name, application), context.store.uri)
        wait_ready(url, certificate=spec.tls_certificate)
        if PRODUCTION in revision.aliases:
            tracking = recipe.registry.resolve(context.store, context.folder)
            start_judge(Place(revision.model, context.store.uri, tracking, spec, recipe.release))
        context.reporter.finish("endpoint", "done", url=url, revision=revision.name, engine=engine_of(application))
        yield Endpoint(url, revision)


def _leave(revision: Revision, desk: Desk) -> None:
    """Take away the revision that this process brought with those that were released in its place, and the gateway; only
    the revision where the gateway leads to others by then."""
    from app.gateway.serve import APP, get_routes, stop_gateway
    from app.release.actor import stop_judge
    from workloads.serving.deploy import application_of, deployed, remove_revision

    release, present = desk.load(), deployed()
    numbers = {revision.number} | ({release.old, release.new} if release else set())
    names = {f"{revision.model}@{number}" for number in numbers}
    if APP in present:
        led_to = {route.app for routes in get_routes().values() for route in routes}
        if led_to <= {application_of(name) for name in names}:
            stop_judge(revision.model)
            stop_gateway()
        else:
            names = {revision.name}
    for name in names:
        if application_of(name) in present:
            remove_revision(name)


def _with_files(spec: ServingSpec, context: StageContext) -> ServingSpec:
    """The spec with its files' paths made absolute; they may be relative to the recipe."""
    files = {"tls_certificate": spec.tls_certificate, "tls_key": spec.tls_key}
    return spec.model_copy(update={key: context.resolve(path) for key, path in files.items() if path})


def wait_for_end() -> None:
    """Wait for Ctrl-C or SIGTERM; both are a normal end of serving."""
    ended = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: ended.set())
    try:
        while not ended.wait(3600):
            pass
    except Interrupted:
        return
    finally:
        signal.signal(signal.SIGINT, before)
