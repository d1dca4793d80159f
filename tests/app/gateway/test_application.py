"""A Serve config that names the application brings up a registered revision behind HTTP, replicas and gateways as it says."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from app.gateway.application import EndpointArguments, build
from app.registry.registry import Registry
from app.registry.spec import local_database
from cluster.artifacts import ArtifactStore
from cluster.errors import ModelNotFoundError
from cluster.session import Session
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import stop_serving

BASE = Path(__file__).parents[3] / "cluster" / "kubernetes" / "base" / "service.yaml"


@pytest.fixture
def recipe(store: ArtifactStore, tmp_path: Path) -> Path:
    """A recipe whose model has two registered revisions."""
    registry = Registry("tiny", store, f"sqlite:///{local_database(store)}")
    for number in ("1", "2"):
        registry.register(commit_model(store, write_model(tmp_path / number, int(number)), number), None)
    file = tmp_path / "recipe.yaml"
    values = {
        "name": "tiny",
        "store": store.uri,
        "corpus": {},
        "serving": {"cpus_per_replica": 0.1, "gateway_cpus": 0.1, "threads": 1, "slots": 8, "drain_seconds": 1},
    }
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture
def serving(ray_session: Session) -> Iterator[None]:
    yield
    stop_serving()


def endpoint_config(recipe: Path, port: int) -> ServeDeploySchema:
    """The config of the Kubernetes manifest, on loopback and with this recipe."""
    config = yaml.safe_load(yaml.safe_load(BASE.read_text())["spec"]["serveConfigV2"])
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    config["applications"][0]["args"] = {"recipe": str(recipe), "revision": "1"}
    return ServeDeploySchema.model_validate(config)


def deploy(config: ServeDeploySchema) -> None:
    """As the dashboard does for KubeRay."""
    serve.start(proxy_location="HeadOnly", http_options={"host": config.http_options.host, "port": config.http_options.port})
    client = _get_global_client()
    assert client is not None
    client.deploy_apps(config, _blocking=False)
    while (status := serve.status().applications.get("endpoint")) is None or status.status != "RUNNING":
        assert status is None or status.status != "DEPLOY_FAILED", status.message
        time.sleep(0.1)


@pytest.mark.slow
def test_the_manifests_config_serves_a_registered_revision(recipe: Path, serving: None) -> None:
    port = free_port()
    deploy(endpoint_config(recipe, port))
    url = f"http://127.0.0.1:{port}"
    assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
    body = {"model": "tiny", "messages": [{"role": "user", "content": "镇上有几座桥？"}], "max_tokens": 4}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-hanlin-revision"] == "tiny@1"
    deployments = serve.status().applications["endpoint"].deployments
    assert {name: len(status.replica_states) and status.status for name, status in deployments.items()} == {
        "gateway": "HEALTHY",
        "replica": "HEALTHY",
    }
    assert all(sum(status.replica_states.values()) == 2 for status in deployments.values())


def test_the_environment_chooses_the_revision(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_REVISION", "9")
    with pytest.raises(ModelNotFoundError, match="9"):
        build(EndpointArguments(recipe=str(recipe)))
    build(EndpointArguments(recipe=str(recipe), revision="2"))  # args go before the environment
    monkeypatch.delenv("HANLIN_REVISION")
    with pytest.raises(ModelNotFoundError, match="production"):
        build(EndpointArguments(recipe=str(recipe)))
