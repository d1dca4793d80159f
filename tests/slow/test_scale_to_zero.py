"""A model that nobody asks has no replica; who asks then is held until one is up, is answered, and later there is none again."""

import asyncio
import time
import uuid
from collections.abc import Iterator

import httpx
import psutil
import pytest

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import ArtifactStore
from cluster.session import Session
from tests.slow.conftest import Seen
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision, stop_serving
from workloads.serving.spec import ServingSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
REVISION = uuid.uuid4().hex[:8]  # in the names of the processes, so that none but ours is counted
SPEC = ServingSpec(
    port=free_port(), replicas=0, max_replicas=1, scale_down_seconds=2, cpus_per_replica=0.5, threads=1, entrance="auto"
)
ASK = {"model": "tiny", "prompt": [5, 6, 7], "max_tokens": 20, "temperature": 0}


@pytest.fixture(scope="module")
def url(ray_session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("zero")
    model = commit_model(ArtifactStore(str(folder / "store")), write_model(folder / "tiny", 1), "1")
    found = start_gateway(SPEC, single_route("tiny", REVISION, deploy_revision(SPEC, model, REVISION)))
    wait_ready(found)
    yield found
    stop_gateway()
    stop_serving()


def replicas() -> int:
    names = (" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))
    return sum(name.startswith("ray::ServeReplica") and f"model-{REVISION}" in name for name in names)


def wait_for_none() -> float:
    """Seconds until the last replica has ended."""
    begun = time.monotonic()
    while replicas():
        assert time.monotonic() < begun + 240, "an idle replica was not taken away within 240 s"
        time.sleep(0.1)
    return time.monotonic() - begun


async def ask(client: httpx.AsyncClient, **more: object) -> tuple[str, float]:
    """What was answered, and after how many seconds. Each asks for another kept answer's place, so that none comes from the cache."""
    begun = time.monotonic()
    answer = await client.post("/v1/completions", json=ASK | more, headers={"Cache-Control": "no-cache"})
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["text"], time.monotonic() - begun


async def ask_many(url: str, count: int) -> list[tuple[str, float]]:
    async with httpx.AsyncClient(base_url=url, timeout=240) as client:
        return await asyncio.gather(*(ask(client, prompt=[5, 6, 7 + number]) for number in range(count)))


def test_idle_to_none_and_back_with_the_request_held(url: str, seen: Seen) -> None:
    before = asyncio.run(ask_many(url, 4))
    seen("with a replica, an answer, s", max(took for _, took in before))
    seen("idle until no replica is left, s", wait_for_none())
    for turn in ("first", "second"):
        held = asyncio.run(ask_many(url, 4))
        assert [text for text, _ in held] == [text for text, _ in before]
        assert replicas() == 1
        seen(f"no replica, an answer with its start, {turn} time, s", max(took for _, took in held))
        wait_for_none()
