"""The endpoint as one Serve application that a Serve config can name: `import_path: app.gateway.application:build`.

For clusters that deploy by configuration (KubeRay's RayService, `serve deploy config.yaml`): gateway and replicas of one
registered revision, never changed in place; another revision is another cluster with its own. Not for `hanlin serve`, whose
gateway routes between several revisions.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pydantic import Field

from app.gateway.serve import Gateway, gateway_deployment, single_route
from app.gateway.settings import with_keys
from app.recipe import load_recipe
from app.registry.registry import open_registry
from cluster.config import Spec
from cluster.environment import served_revision
from cluster.observe.progress import SilentReporter
from cluster.stage import open_context
from workloads.serving.deploy import bind_replica
from workloads.serving.spec import ServingSpec


class EndpointArguments(Spec):
    """The application's `args` in a Serve config."""

    recipe: str = Field(min_length=1, description="the recipe's YAML file, on every machine of the cluster")
    revision: str = Field("", description="number or alias; empty: HANLIN_REVISION, else production")
    overrides: tuple[str, ...] = Field((), description="key=value pairs that override the recipe")


class RevisionGateway(Gateway):
    """A gateway for the one revision whose replicas are in its own application. It follows no board."""

    def __init__(self, spec: ServingSpec, store: str, model: str, revision: str, _replicas: Any) -> None:
        from ray import serve

        super().__init__(spec, store)
        self._service.models.set_table(single_route(model, revision, serve.get_replica_context().app_name))

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        yield


def build(arguments: EndpointArguments) -> Any:
    """The application of a registered revision. Raises ModelNotFoundError where there is none of that number or alias,
    ArtifactError where the model's bytes differ from what was registered."""
    file, recipe = load_recipe(arguments.recipe, arguments.overrides)
    context = open_context(file, SilentReporter())
    registry = open_registry(recipe.registry, context)
    revision = registry.show(arguments.revision or served_revision() or "production")
    replicas = bind_replica(recipe.serving, registry.load(str(revision.number)), revision.name)
    gateway = gateway_deployment(RevisionGateway, recipe.serving)
    spec = with_keys(recipe.serving, context)
    return gateway.bind(spec, context.store.uri, revision.model, revision.name, replicas)
