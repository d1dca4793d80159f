"""Which engine serves: by what the recipe says, what stands beside the model, and what is installed."""

from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import UserError
from cluster.garbage import garbage
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.builds import choice
from workloads.serving.builds.choice import BuildRef, build_for, load_chosen
from workloads.serving.builds.stage import REFUSED, _work, find_build, wants_build
from workloads.serving.deploy import bind_replica
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.openvino import runtime
from workloads.serving.spec import ServingSpec


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "store"))


@pytest.fixture
def model(store: ArtifactStore, tiny_folder: Path) -> Artifact:
    return commit_model(store, tiny_folder, "served")


def put_build(store: ArtifactStore, model: Artifact, refusal: str = "") -> Artifact:
    with store.draft(_work(model, "bf16")) as draft:
        draft.counts["accepted"] = int(not refusal)
        draft.write(REFUSED if refusal else "openvino_model.xml", refusal.encode() or b"<net/>")
    found = find_build(model, "bf16")
    assert found is not None
    return found


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would have been loaded."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(choice, "load_engine", lambda *arguments: calls.append(arguments))
    return calls


def test_auto_takes_the_build_that_stands_beside_the_model(store: ArtifactStore, model: Artifact) -> None:
    build = put_build(store, model)
    found = build_for(ServingSpec(), model)
    assert found == BuildRef(build.uri, build.manifest.to_json())
    assert found.folder() == Path(build.location.path)
    assert build_for(ServingSpec(engine="openvino"), model) == found


def test_other_weights_are_another_build(store: ArtifactStore, model: Artifact) -> None:
    put_build(store, model)
    assert build_for(ServingSpec(weights="int8"), model) is None


def test_a_build_of_other_bytes_is_not_this_models(store: ArtifactStore, model: Artifact, tmp_path: Path) -> None:
    put_build(store, model)
    (Path(model.location.path) / "config.json").unlink()
    entries = tuple(entry for entry in model.manifest.files if entry.path != "config.json")
    changed = Artifact(model.location, type(model.manifest)(**{**vars(model.manifest), "files": entries}))
    assert find_build(changed, "bf16") is None


@pytest.mark.parametrize("spec", [ServingSpec(engine="torch"), ServingSpec(engine="vllm"), ServingSpec(gpus_per_replica=1)])
def test_torch_vllm_and_accelerators_take_none(store: ArtifactStore, model: Artifact, spec: ServingSpec) -> None:
    put_build(store, model)
    assert build_for(spec, model) is None
    assert not wants_build(spec)


def test_without_a_build_auto_serves_torch_and_openvino_says_what_to_do(model: Artifact) -> None:
    assert build_for(ServingSpec(), model) is None
    with pytest.raises(UserError, match=r"no engine build stands beside the model.*hanlin run"):
        build_for(ServingSpec(engine="openvino"), model)


def test_a_refused_build_is_never_served(store: ArtifactStore, model: Artifact) -> None:
    put_build(store, model, "log-probabilities are 0.7 nats off")
    assert build_for(ServingSpec(), model) is None
    with pytest.raises(UserError, match=r"0\.7 nats off"):
        build_for(ServingSpec(engine="openvino"), model)


def test_a_replica_runs_the_build_or_the_model(
    tmp_path: Path, loaded: list[tuple[Any, ...]], store: ArtifactStore, model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, ref = EngineSettings(), BuildRef((build := put_build(store, model)).uri, build.manifest.to_json())
    monkeypatch.setattr(runtime, "available", lambda: True)
    load_chosen("auto", tmp_path, ref, settings)
    load_chosen("auto", tmp_path, None, settings)
    monkeypatch.setattr(runtime, "available", lambda: False)
    load_chosen("auto", tmp_path, ref, settings)
    load_chosen("vllm", tmp_path, None, settings)
    here = Path(build.location.path)
    assert loaded == [("openvino", here, settings), *((name, tmp_path, settings) for name in ("torch", "torch", "vllm"))]


def test_openvino_without_its_package_says_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "available", lambda: False)
    assert not wants_build(ServingSpec())
    runtime.openvino.cache_clear()
    with pytest.raises(UserError, match=r"pip install 'hanlin\[cpu\]'"):
        wants_build(ServingSpec(engine="openvino"))


def test_a_build_is_kept_as_long_as_its_model(store: ArtifactStore, model: Artifact) -> None:
    build = put_build(store, model)
    assert garbage(store, keep=[model.fingerprint]) == []
    assert {each.name for each in garbage(store)} == {model.location.name, build.location.name}


def test_every_replica_of_a_deployment_is_given_the_build(store: ArtifactStore, model: Artifact) -> None:
    put_build(store, model)
    *_, engine, _, build = bind_replica(ServingSpec(), model, "1")._bound_deployment.init_args
    assert (engine, build) == ("auto", build_for(ServingSpec(), model))
