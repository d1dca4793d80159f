"""An endpoint that takes over from another: nobody who ends takes away what the other one serves."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from app.endpoint import open_endpoint
from app.recipe import Recipe
from app.registry import open_registry
from app.registry.spec import RegistrySpec
from cluster.errors import UnavailableError
from cluster.session import Session
from cluster.stage import StageContext
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deployed, stop_serving

pytestmark = pytest.mark.slow


@pytest.fixture
def recipe(context: StageContext, ray_session: Session) -> Iterator[Recipe]:
    """A recipe whose model `tiny` has two registered revisions."""
    registry = open_registry(RegistrySpec(name="tiny"), context)
    for number in ("1", "2"):
        registry.register(commit_model(context.store, write_model(context.folder / number, int(number)), number), None)
    serving = {"port": free_port(), "cpus_per_replica": 1, "threads": 1, "slots": 2, "drain_seconds": 1, "start_timeout": 60}
    yield Recipe.model_validate({"name": "tiny", "corpus": {}, "registry": {"name": "tiny"}, "serving": serving})
    stop_serving()


def revision(url: str) -> str:
    body = {"model": "tiny", "prompt": "青石镇", "max_tokens": 2}
    return httpx.post(f"{url}/v1/completions", json=body, timeout=60).raise_for_status().headers["x-hanlin-revision"]


def test_the_newer_endpoint_outlives_the_older_one(recipe: Recipe, context: StageContext) -> None:
    with ExitStack() as newer, ExitStack() as older:
        url = older.enter_context(open_endpoint(recipe, context, "1")).url
        assert revision(url) == "tiny@1"
        newer.enter_context(open_endpoint(recipe, context, "2"))
        older.close()
        assert revision(url) == "tiny@2"
        assert set(deployed()) == {"gateway", "model-tiny@2"}
    assert deployed() == {}


def test_one_that_cannot_come_up_or_is_there_already_takes_nothing_away(recipe: Recipe, context: StageContext) -> None:
    too_large = recipe.serving.model_copy(update={"cpus_per_replica": 64, "start_timeout": 1})
    with open_endpoint(recipe, context, "1") as first:
        with pytest.raises(UnavailableError), open_endpoint(recipe.model_copy(update={"serving": too_large}), context, "2"):
            raise AssertionError("it came up")
        with open_endpoint(recipe, context, "1") as same:
            assert same.url == first.url
        assert revision(first.url) == "tiny@1"
