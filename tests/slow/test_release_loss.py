"""Releases on a real Serve that lose something: the replicas of the new revision, the judge, the gateway, Serve's controller.

Times are shown, not asserted.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import ray
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.util import list_named_actors

from app.gateway.judge import NAMESPACE, judge_name
from app.gateway.serve import wait_ready
from app.release.desk import Wish
from app.release.state import Phase
from tests.slow import test_release
from tests.slow.conftest import Seen as Show
from tests.slow.release_scene import load
from tests.slow.test_release import GARBAGE, GOOD, NORMAL, RATE, Scene, show, warm_up
from workloads.serving.deploy import deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
models, served = test_release.models, test_release.served  # the same scene


def replicas_of(revision: int) -> list[str]:
    names = [each["name"] for each in list_named_actors(all_namespaces=True)]
    return [name for name in names if f"model-tiny@{revision}#" in name.replace("::", "#")]


@pytest.mark.parametrize("served", [{"shadow": 0, "steps": (0.5, 1.0), "hold_seconds": 60}], indirect=True)
def test_a_revision_that_dies_under_load_goes_back(served: Scene, seen: Show) -> None:
    warm_up(served)
    with load(served.url, RATE) as clients:
        clients.wait(NORMAL)
        served.start(GOOD)
        served.wait(lambda release: release.share > 0)
        clients.wait(24)
        began = time.time()
        for name in replicas_of(GOOD):
            with suppress(ValueError):
                ray.kill(ray.get_actor(name, namespace="serve"))
        release = served.end(GOOD)
        clients.wait(12)
    show(seen, "dying", clients, began, release)
    seen("dying: from the kill to the decision, s", release.decisions[-1].at - began)
    assert clients.failures == []
    assert release.phase is Phase.ROLLED_BACK
    assert "tiny@2" in clients.revisions()


def test_garbage_takes_no_traffic_and_a_release_outlives_its_judge(served: Scene, seen: Show) -> None:
    with load(served.url, RATE) as clients:
        served.start(GARBAGE)
        release = served.end(GARBAGE)
        assert "knows plain text badly" in release.decisions[-1].reason
        assert "tiny@6" not in clients.revisions()
        served.start(GOOD)
        before = served.wait(lambda release: release.new == GOOD and release.share >= 0.1)
        ray.kill(ray.get_actor(judge_name("tiny"), namespace=NAMESPACE), no_restart=False)
        release = served.end(GOOD)
    assert clients.failures == []
    assert release.id == before.id
    assert release.phase is Phase.PROMOTED
    served.desk.ask(Wish("rollback", "proof"))
    release = served.wait(lambda release: release.new == 1 and release.closed)
    assert release.phase is Phase.PROMOTED
    assert served.registry.show("production").number == 1


@pytest.mark.parametrize("served", [{"shadow": 0, "steps": (0.5, 1.0), "hold_seconds": 600}], indirect=True)
def test_a_release_outlives_the_gateway_and_the_controller(served: Scene, seen: Show) -> None:
    with load(served.url, RATE) as clients:
        served.start(GOOD)
        before = served.wait(lambda release: release.share > 0)
        clients.wait(12)
        for what, actor in (("controller", SERVE_CONTROLLER_NAME), ("gateway", only(gateways()))):
            asked, failed = time.time(), len(clients.failures)
            old = gateways()
            ray.kill(ray.get_actor(actor, namespace=SERVE_NAMESPACE), no_restart=False)
            if what == "gateway":
                until(lambda gone=old: gateways() and not set(gone) & set(gateways()))
            wait_ready(served.url, 120)
            seen(f"{what} killed: ready after, s", time.time() - asked)
            clients.wait(24)
            assert {by for when, _, by in clients.answers if when > asked} == {"tiny@1", "tiny@2"}
            seen(f"{what} killed: requests failed", len(clients.failures) - failed)
            assert what == "gateway" or len(clients.failures) == failed
        served.desk.ask(Wish("promote", "proof"))
        release = served.end(GOOD)
    assert release.id == before.id
    assert release.phase is Phase.PROMOTED
    assert set(deployed()) == {"gateway", "model-tiny@2"}


def gateways() -> list[str]:
    names = [each["name"] for each in list_named_actors(all_namespaces=True)]
    return [name for name in names if name.startswith("SERVE_REPLICA::gateway#")]


def only(names: list[str]) -> str:
    (name,) = names
    return name


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not come within 120 s"
        time.sleep(0.05)
