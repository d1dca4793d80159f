"""The stage: what is written of an accepted and of a refused build, and that neither is made twice. The making is a fake."""

from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.observe.progress import SilentReporter, Value
from cluster.stage import StageContext
from cluster.storage import Location
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.builds import remote
from workloads.serving.builds.parity import Parity
from workloads.serving.builds.stage import build_engine, find_build, refusal_of
from workloads.serving.engine.openvino import runtime
from workloads.serving.spec import ServingSpec

CLOSE = Parity(16, 15, 1024, 0.01, 500, 0.003, 0.02, 2.5, 2.501)


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Value]]] = []

    def note(self, event: str, **facts: Value) -> None:
        self.notes.append((event, facts))


@pytest.fixture
def model(tmp_path: Path, tiny_folder: Path) -> Artifact:
    return commit_model(ArtifactStore(str(tmp_path)), tiny_folder, "m")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The refusals of the builds to come, the next one last; taken as they are made."""
    refusals: list[str] = []

    def build(spec: ServingSpec, model: Artifact, corpus: Artifact | None, target: Location) -> remote.Built:
        refusal = refusals.pop()
        if not refusal:
            (Path(target.path) / "openvino_model.xml").write_text("<net/>")
        return remote.Built(spec.weights, CLOSE, refusal, 1000)

    monkeypatch.setattr(remote, "build_remotely", build)
    monkeypatch.setattr(runtime, "available", lambda: True)
    return refusals


def context(model: Artifact, reporter: Any) -> StageContext:
    return StageContext("m", ArtifactStore(str(Path(model.location.path).parent.parent)), reporter)


def test_an_accepted_build_has_its_figures_and_is_made_once(model: Artifact, made: list[str]) -> None:
    made.append("")
    build = build_engine(ServingSpec(), model, None, context(model, Notes()))
    assert build is not None
    assert build == find_build(model, "bf16") == build_engine(ServingSpec(), model, None, context(model, Notes()))
    assert refusal_of(build) == ""
    assert build.manifest.inputs == {"model": model.fingerprint}
    assert build.manifest.metrics["error_mean"] == 0.003
    assert [file.path for file in build.manifest.files] == ["openvino_model.xml"]


def test_a_refused_build_tells_and_keeps_the_reason_and_is_not_tried_again(model: Artifact, made: list[str]) -> None:
    made.append("log-probabilities are 0.7 nats off")
    notes = Notes()
    for _ in range(2):
        build = build_engine(ServingSpec(), model, None, context(model, notes))
    assert build is not None
    assert refusal_of(build) == "log-probabilities are 0.7 nats off"
    assert [file.path for file in build.manifest.files] == ["refused.txt"]
    assert [(event, facts["reason"]) for event, facts in notes.notes] == [("engine_build_refused", refusal_of(build))]


def test_no_build_is_made_where_none_would_run(model: Artifact, made: list[str]) -> None:
    for spec in (ServingSpec(engine="torch"), ServingSpec(gpus_per_replica=1)):
        assert build_engine(spec, model, None, context(model, Notes())) is None
    assert list(context(model, Notes()).store.artifacts("engine")) == []
