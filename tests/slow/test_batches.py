"""A batch outlives the gateway that ran it: killed in the middle, the next one goes on from what was committed."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
import ray
from ray.util import list_named_actors

from app.gateway.batch.runner import PART_LINES
from app.gateway.serve import KEPT, single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import ArtifactStore
from cluster.session import Session
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision, stop_serving
from workloads.serving.spec import ServingSpec

LINES = 6 * PART_LINES

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "store"))


@pytest.fixture
def client(ray_session: Session, store: ArtifactStore, tmp_path: Path) -> Iterator[openai.OpenAI]:
    model = commit_model(store, write_model(tmp_path / "tiny", 1, 512), "1")
    spec = ServingSpec(port=free_port(), cpus_per_replica=0.5, threads=1, slots=8, drain_seconds=1)
    try:
        url = start_gateway(spec, single_route("tiny", "1", deploy_revision(spec, model, "1")), store.uri)
        wait_ready(url)
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=20)
    finally:
        stop_gateway()
        stop_serving()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come within 200 s"
        time.sleep(0.05)


def kill_gateway() -> None:
    """At once, with nothing put in order; Serve starts another one."""
    names = [each["name"] for each in list_named_actors(all_namespaces=True) if "#gateway#" in each["name"].replace("::", "#")]
    assert len(names) == 1, names
    ray.kill(ray.get_actor(names[0], namespace="serve"))


def test_a_killed_gateway_costs_a_batch_nothing(client: openai.OpenAI, store: ArtifactStore) -> None:
    body = {"model": "tiny", "prompt": "青石镇", "max_tokens": 32, "temperature": 0}
    line = {"method": "POST", "url": "/v1/completions", "body": body}
    content = "\n".join(json.dumps(line | {"custom_id": str(number)}) for number in range(LINES)).encode()
    file = client.files.create(file=("lines.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/completions", completion_window="24h")
    parts = Path(store.root.path) / KEPT / "anyone" / "batches" / batch.id / "parts"
    until(lambda: len(list(parts.glob("0*.jsonl"))) >= 2)
    committed = {part.name: part.read_bytes() for part in parts.glob("0*.jsonl")}
    assert len(committed) * PART_LINES < LINES
    kill_gateway()
    until(lambda: client.batches.retrieve(batch.id).status == "completed")
    done = client.batches.retrieve(batch.id)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed) == (LINES, LINES)
    assert done.output_file_id is not None
    answers = [json.loads(each) for each in client.files.content(done.output_file_id).text.splitlines()]
    assert [answer["custom_id"] for answer in answers] == [str(number) for number in range(LINES)]
    assert all((parts / name).read_bytes() == before for name, before in committed.items())
