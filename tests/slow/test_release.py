"""Releases on a real Serve under load: a good, a broken, a slow and a worse revision. No client may lose an answer.

Times are shown, not asserted. Not for what a release loses meanwhile (test_release_loss.py).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.endpoint import open_endpoint
from app.recipe import Recipe
from app.registry.registry import Registry
from app.registry.spec import RegistrySpec
from app.release.desk import Desk, Wish
from app.release.state import Phase, Release
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from cluster.session import Session
from cluster.stage import StageContext
from tests.slow.conftest import Seen as Show
from tests.slow.release_scene import Seen, load, p99, write_again, write_garbage, write_shuffled, write_slow, write_trained
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deployed, stop_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RATE = 4.0  # questions a second
NORMAL = 60  # answers by which a release's times are measured
RELEASE = {"steps": (0.1, 0.5, 1.0), "hold_seconds": 3, "least_samples": 10, "shadow": 0.3, "slower": 2.0, "bits": 1.1}
GOOD, BROKEN, SLOW, WORSE, GARBAGE = 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Scene:
    url: str
    desk: Desk
    registry: Registry

    def start(self, revision: int) -> None:
        self.desk.ask(Wish("start", "proof", revision))

    def wait(self, wanted: Callable[[Release], bool], seconds: float = 480) -> Release:
        end = time.monotonic() + seconds
        while True:
            release = self.desk.load()
            if release is not None and wanted(release):
                return release
            assert time.monotonic() < end, f"did not come: {release} {self.desk.look()}"
            time.sleep(0.05)

    def end(self, revision: int) -> Release:
        return self.wait(lambda release: release.new == revision and release.closed)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    root = tmp_path_factory.mktemp("models")
    first = write_trained(root / "1")
    return {
        1: first,
        GOOD: write_again(first, root / "good"),
        BROKEN: write_again(first, root / "broken", tokenizer=False),
        SLOW: write_slow(first, root / "slow"),
        WORSE: write_shuffled(first, root / "worse", 0.05),
        GARBAGE: write_garbage(first, root / "garbage"),
    }


@pytest.fixture
def served(
    ray_session: Session, context: StageContext, models: dict[int, Path], request: pytest.FixtureRequest
) -> Iterator[Scene]:
    registry = Registry("tiny", context.store, RegistrySpec().resolve(context.store, context.folder))
    for number, folder in models.items():
        register(registry, context.store, folder, str(number))
    serving = {
        "port": free_port(),
        "cpus_per_replica": 0.5,
        "threads": 1,
        "slots": 64,  # where the machine is busy, questions wait rather than get 429
        "drain_seconds": 5,
        "start_timeout": 120,
    }
    release = RELEASE | getattr(request, "param", {})
    values = {"name": "tiny", "corpus": {}, "registry": {"name": "tiny"}, "serving": serving, "release": release}
    with open_endpoint(Recipe.model_validate(values), context, "production") as endpoint:
        yield Scene(endpoint.url, Desk(context.store, "tiny"), registry)
    assert deployed() == {}
    stop_serving()


def register(registry: Registry, store: ArtifactStore, folder: Path, name: str) -> None:
    model = commit_model(store, folder, name)
    work = Work("evaluation", {"of": name}, {"model": model.fingerprint}, 1)
    with store.draft(work) as draft:
        draft.metrics["bits_per_character"] = 2.5
    registry.register(model, store.open("evaluation", work.fingerprint), {"name": "tiny"})


def show(seen: Show, name: str, clients: Seen, began: float, release: Release) -> None:
    normal, during = clients.times(until=began), clients.times(since=began)
    seen(f"{name}: requests, failed", f"{len(clients.answers)}, {len(clients.failures)}")
    seen(f"{name}: normal p50, p99, s", f"{sorted(normal)[len(normal) // 2]:.2f}, {p99(normal):.2f}")
    seen(f"{name}: p99, worst under the release, s", f"{p99(during):.2f}, {max(during):.2f}")
    seen(f"{name}: worst / normal p99", max(during) / p99(normal))
    seen(f"{name}: ended after, s", release.decisions[-1].at - release.decisions[0].at)
    last, loser = release.decisions[-1], release.old if release.phase is Phase.PROMOTED else release.new
    if f"tiny@{loser}" in clients.revisions():
        seen(f"{name}: last question to the loser after the decision, s", clients.last_asked(f"tiny@{loser}") - last.at)
    print(
        name,
        *[f"{each.at - began:6.1f} {each.action} {each.share:.0%}: {each.reason}" for each in release.decisions],
        sep="\n  ",
    )
    slowest = sorted((each for each in clients.answers if each[0] >= began), key=lambda each: -each[1])[:8]
    print("  slowest:", *[f"{asked - began:.1f} s: {seconds:.2f} s by {by}" for asked, seconds, by in slowest], sep="\n    ")


def lines(scene: Scene) -> list[str]:
    return [entry.action for entry in scene.registry.audit.entries() if entry.action.startswith("release_")]


def warm_up(scene: Scene) -> None:
    with load(scene.url, RATE) as clients:
        clients.wait(30)


def test_a_good_revision_takes_over(served: Scene, seen: Show) -> None:
    warm_up(served)
    with load(served.url, RATE) as clients:
        clients.wait(NORMAL)
        began = time.time()
        served.start(GOOD)
        release = served.end(GOOD)
        clients.wait(20)
    show(seen, "good", clients, began, release)
    assert clients.failures == []
    assert release.phase is Phase.PROMOTED
    assert served.registry.show("production").number == GOOD
    assert clients.revisions() == {"tiny@1", "tiny@2"}
    assert set(deployed()) == {"gateway", "model-tiny@2"}
    assert served.registry.verify_audit() > 6
    assert lines(served) == ["release_start", *["release_step"] * 4, "release_promote"]


def test_a_broken_and_a_slow_revision_go_back(served: Scene, seen: Show) -> None:
    warm_up(served)
    for name, number in (("broken", BROKEN), ("slow", SLOW)):
        with load(served.url, RATE) as clients:
            clients.wait(NORMAL)
            began = time.time()
            served.start(number)
            release = served.end(number)
            clients.wait(6)
        show(seen, name, clients, began, release)
        assert clients.failures == []
        assert release.phase is Phase.ROLLED_BACK
    assert release.decisions[-1].reason.partition(":")[0] in ("first_token", "per_token", "seconds"), "its speed alone"
    assert served.registry.show("production").number == 1
    assert set(deployed()) == {"gateway", "model-tiny@1"}


@pytest.mark.parametrize("served", [{"garbage_bits": 0, "shadow": 0, "steps": (0.5, 1.0), "least_samples": 200}], indirect=True)
def test_a_revision_that_is_only_worse_goes_back_by_quality_alone(served: Scene, seen: Show) -> None:
    warm_up(served)
    with load(served.url, RATE) as clients:
        clients.wait(NORMAL)
        began = time.time()
        served.start(WORSE)
        release = served.end(WORSE)
    show(seen, "worse", clients, began, release)
    last = [entry for entry in served.registry.audit.entries() if entry.action.startswith("release_")][-1]
    seen("worse: in the audit log", last.reason)
    assert clients.failures == []
    assert (last.action, last.before, last.after) == ("release_rollback", "5", "1")
    assert last.reason.startswith("bits: ")
