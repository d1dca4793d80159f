"""A revision behind HTTP for the time of a block: it answers, ends with the block, and takes nothing away that is not its own."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import ray

from app.endpoint import open_endpoint
from app.recipe import Recipe
from app.registry.registry import Registry
from app.registry.spec import RegistrySpec
from cluster.artifacts import ArtifactStore
from cluster.errors import AddressError, ArtifactError
from cluster.manifest import Work
from cluster.session import Session
from cluster.stage import StageContext
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deployed, stop_serving

SERVING = {"cpus_per_replica": 0.5, "threads": 1, "slots": 2, "drain_seconds": 1}


@pytest.fixture
def serving(ray_session: Session) -> Iterator[None]:
    yield
    stop_serving()


@pytest.fixture
def production(store: ArtifactStore, context: StageContext, tmp_path: Path) -> StageContext:
    """The context of a store whose model `tiny` has a production revision."""
    model = commit_model(store, write_model(tmp_path / "tiny"), "1")
    work = Work("evaluation", {}, {"model": model.fingerprint}, 1)
    with store.draft(work) as draft:
        draft.metrics["bits_per_character"] = 2.5
    registry = Registry("tiny", store, RegistrySpec().resolve(store, tmp_path))
    registry.register(model, store.open("evaluation", work.fingerprint), {"name": "tiny"})
    return replace(context, name="tiny")


def recipe(port: int) -> Recipe:
    return Recipe.model_validate({"name": "tiny", "corpus": {}, "serving": SERVING | {"port": port}})


def serve(context: StageContext, port: int) -> None:
    with open_endpoint(recipe(port), context):
        raise AssertionError("it serves")


def test_it_serves_and_a_second_one_that_fails_leaves_it_alone(serving: None, production: StageContext) -> None:
    with open_endpoint(recipe(free_port()), production) as endpoint:
        assert endpoint.revision.name == "tiny@1"
        with pytest.raises(AddressError, match="one HTTP address per session"):
            serve(production, free_port())
        body = {"model": "tiny", "prompt": "镇", "max_tokens": 2}
        assert httpx.post(f"{endpoint.url}/v1/completions", json=body, timeout=60).status_code == 200
    assert deployed() == {}


def test_a_port_in_use_is_told_as_it_is(serving: None, production: StageContext) -> None:
    """Also where Ray Serve has not started yet, so that nothing is there to be taken away."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AddressError, match=r"port \d+ on 127\.0\.0\.1 cannot be taken"):
            serve(production, taken.getsockname()[1])
    assert ray.is_initialized()


def test_a_model_with_a_changed_byte_is_refused(production: StageContext) -> None:
    model = next(production.store.artifacts("model"))
    weights = Path(model.location.path) / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors .* differs from its manifest"):
        serve(production, free_port())
