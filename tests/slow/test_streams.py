"""32 streams over two replicas while replicas die by kill -9: none is cut in silence, and what is said stays the same."""

import asyncio
import json
import os
import signal
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import pytest
from ray import serve

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import Artifact, ArtifactStore
from cluster.session import Session
from tests.slow.conftest import Seen
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import application_of, bind_replica, deploy_revision, stop_serving
from workloads.serving.gateway_spec import CacheSpec
from workloads.serving.spec import ServingSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STREAMS, TOKENS, CONTEXT = 32, 900, 1000
REVISION = uuid.uuid4().hex[:8]  # in the names of the processes, so that none but ours can be hit


@dataclass
class Answer:
    """What one client got: the text, when each event came, and how it ended: [DONE], an error's code, or nothing."""

    text: str = ""
    times: list[float] = field(default_factory=list)
    end: str = ""

    @property
    def longest_pause(self) -> float:
        return max(later - sooner for sooner, later in zip(self.times, self.times[1:], strict=False))


SPEC = ServingSpec(port=free_port(), replicas=2, cpus_per_replica=0.5, threads=1, drain_seconds=1, cache=CacheSpec(megabytes=0))
"""No answers are kept: the second run of a question is to be computed again."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("streams")
    return commit_model(ArtifactStore(str(folder / "store")), write_model(folder / "tiny", 1, CONTEXT), "1")


@pytest.fixture(scope="module")
def url(ray_session: Session, model: Artifact) -> Iterator[str]:
    found = start_gateway(SPEC, single_route("tiny", REVISION, deploy_revision(SPEC, model, REVISION)))
    wait_ready(found)
    yield found
    stop_gateway()
    stop_serving()


@pytest.fixture(scope="module")
def undisturbed(url: str) -> list["Answer"]:
    """What all streams say where nothing happens."""
    found = run(url)
    assert [each.end for each in found] == ["[DONE]"] * STREAMS
    return found


def settle(url: str) -> None:
    """Until both replicas are there, and the endpoint answers."""
    until(lambda: len(replicas()) == 2)
    wait_ready(url, 120)


def same(disturbed: list[Answer], undisturbed: list[Answer], seen: Seen, what: str) -> None:
    """Greedy texts are the same to the bit. Of the drawn ones a few may differ in rounding, since a step's sums depend on who is in it."""
    pairs = list(zip(disturbed, undisturbed, strict=True))
    seen(f"drawn texts that are the same, {what}, of {STREAMS // 2}", sum(a.text == b.text for a, b in pairs[1::2]))
    assert [a.text for a, _ in pairs[::2]] == [b.text for _, b in pairs[::2]]


def replicas() -> list[psutil.Process]:
    """The processes of this test's own replicas."""
    mine = [each for each in psutil.process_iter(["cmdline"]) if f"model-{REVISION}" in " ".join(each.info["cmdline"] or [])]
    return [each for each in mine if each.info["cmdline"][0].startswith("ray::ServeReplica")]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not come within 120 s"
        time.sleep(0.05)


async def stream(client: httpx.AsyncClient, number: int, answer: Answer) -> None:
    """Even numbers are greedy, odd ones drawn with a seed."""
    sampling = {"temperature": 0} if number % 2 == 0 else {"temperature": 0.8, "top_p": 0.9, "seed": number}
    body = {"model": "tiny", "prompt": [5, 6, 7 + number], "max_tokens": TOKENS, "stream": True} | sampling
    async with client.stream("POST", "/v1/completions", json=body) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            answer.times.append(time.monotonic())
            if line == "data: [DONE]":
                answer.end = "[DONE]"
            elif "error" in (event := json.loads(line[6:])):
                answer.end = event["error"]["code"]
            else:
                answer.text += event["choices"][0]["text"]


async def whole(client: httpx.AsyncClient, number: int) -> Any:
    body = {"model": "tiny", "prompt": [5, 6, 7 + number], "max_tokens": TOKENS, "temperature": 0}
    return (await client.post("/v1/completions", json=body)).json()


def run(url: str, disturb: Callable[[], object] | None = None) -> list[Answer]:
    """All streams at once; they are disturbed once every one has begun, and before any has ended."""

    async def all_of_them() -> list[Answer]:
        answers = [Answer() for _ in range(STREAMS)]
        async with httpx.AsyncClient(base_url=url, timeout=200, limits=httpx.Limits(max_connections=STREAMS)) as client:
            tasks = [asyncio.create_task(stream(client, number, answer)) for number, answer in enumerate(answers)]
            if disturb is not None:
                while not all(each.text for each in answers):
                    await asyncio.sleep(0.001)
                disturb()
                assert not any(each.end for each in answers), "this was to hit streams in their midst"
            await asyncio.gather(*tasks, return_exceptions=True)  # a connection that is cut shows as an answer without an end
        return answers

    return asyncio.run(all_of_them())


def kill(count: int) -> None:
    for each in replicas()[:count]:
        os.kill(each.pid, signal.SIGKILL)


def test_streams_survive_kill_9(url: str, undisturbed: list[Answer], seen: Seen) -> None:
    settle(url)
    disturbed = run(url, lambda: kill(1))
    seen("streams, one of two replicas killed: cut in silence", sum(not each.end for each in disturbed))
    seen("streams, one of two replicas killed: whole", sum(each.end == "[DONE]" for each in disturbed))
    pauses = sorted((each.longest_pause for each in disturbed), reverse=True)[: STREAMS // 2]
    seen("longest pause of a stream undisturbed, s", max(each.longest_pause for each in undisturbed))
    seen("longest pause of the half that was hit, median, s", statistics.median(pauses))
    seen("longest pause of the half that was hit, longest, s", max(pauses))
    assert [each.end for each in disturbed] == ["[DONE]"] * STREAMS
    same(disturbed, undisturbed, seen, "one of two replicas killed")


def test_whole_answers_survive_kill_9(url: str) -> None:
    async def ask(disturb: bool) -> list[Any]:
        async with httpx.AsyncClient(base_url=url, timeout=200) as client:
            tasks = [asyncio.create_task(whole(client, number)) for number in range(8)]
            if disturb:
                await asyncio.sleep(0.2)
                kill(1)
            return [answer["choices"][0]["text"] for answer in await asyncio.gather(*tasks)]

    settle(url)
    before = asyncio.run(ask(disturb=False))
    assert asyncio.run(ask(disturb=True)) == before


def test_where_all_replicas_die_streams_wait_for_new_ones_or_say_so(url: str, undisturbed: list[Answer], seen: Seen) -> None:
    settle(url)
    disturbed = run(url, lambda: kill(2))
    seen("streams, both replicas killed: cut in silence", sum(not each.end for each in disturbed))
    seen("streams, both replicas killed: whole", sum(each.end == "[DONE]" for each in disturbed))
    seen("streams, both replicas killed: longest pause, s", max(each.longest_pause for each in disturbed))
    assert {each.end for each in disturbed} <= {"[DONE]", "unavailable"}
    for before, after in zip(undisturbed[::2], disturbed[::2], strict=True):
        assert after.text == before.text if after.end == "[DONE]" else before.text.startswith(after.text)


def test_a_copy_that_has_to_go_hands_over_what_it_cannot_finish(
    url: str, model: Artifact, undisturbed: list[Answer], seen: Seen
) -> None:
    """Serve replaces both copies, and ends the old ones after `drain_seconds`, which the streams outlast."""

    def replace_copies() -> None:
        app = application_of(REVISION)
        target = serve.RunTarget(bind_replica(SPEC, model, REVISION), name=app, route_prefix=None)
        serve.run_many([target], wait_for_applications_running=False)

    settle(url)
    old = replicas()
    disturbed = run(url, replace_copies)
    seen("streams, both replicas replaced: whole", sum(each.end == "[DONE]" for each in disturbed))
    seen("streams, both replicas replaced: longest pause, s", max(each.longest_pause for each in disturbed))
    assert [each.end for each in disturbed] == ["[DONE]"] * STREAMS
    same(disturbed, undisturbed, seen, "both replicas replaced")
    until(lambda: not any(each.is_running() for each in old))
