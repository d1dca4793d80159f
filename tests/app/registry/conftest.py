"""A chain of hand-made artifacts, raw input -> corpus -> tokenizer, tokens -> model -> evaluation, and a registry beside it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.registry import Registry, RegistrySpec, open_registry
from app.registry.spec import local_database
from app.registry.tracking import Tracking
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Json, Kind, Work
from cluster.stage import StageContext

MakeModel = Callable[[int], Artifact]
Evaluate = Callable[[Artifact], Artifact]


def commit(store: ArtifactStore, kind: Kind, spec: dict[str, Json], inputs: dict[str, str], **files: bytes) -> Artifact:
    work = Work(kind, spec, inputs, 1)
    with store.draft(work, {"name": "test", "training": {"steps": spec.get("steps", 0)}}) as draft:
        for name, data in files.items():
            draft.write(name.replace("__", "/").replace("_dot_", "."), data)
        if kind == "evaluation":
            draft.metrics["bits_per_character"] = 2.5
    return store.open(kind, work.fingerprint)


@pytest.fixture
def make_model(store: ArtifactStore) -> MakeModel:
    """Commits a model of so many steps, with what it is made from."""

    def make(steps: int) -> Artifact:
        corpus = commit(store, "corpus", {}, {"raw": "f" * 20}, report_dot_json=b"{}")
        tokenizer = commit(store, "tokenizer", {}, {"corpus": corpus.fingerprint}, tokenizer_dot_json=b"{}")
        tokens = commit(store, "tokens", {}, {"corpus": corpus.fingerprint, "tokenizer": tokenizer.fingerprint})
        lines = "".join(json.dumps({"step": s, "loss": 9 / (s + 1)}) + "\n" for s in range(steps))
        inputs = {"tokens": tokens.fingerprint, "tokenizer": tokenizer.fingerprint}
        weights = f"weights of {steps}".encode()
        return commit(
            store, "model", {"steps": steps}, inputs, model_dot_safetensors=weights, training__metrics_dot_jsonl=lines.encode()
        )

    return make


@pytest.fixture
def evaluate(store: ArtifactStore) -> Evaluate:
    """Commits an evaluation of a model."""
    return lambda model: commit(store, "evaluation", {}, {"model": model.fingerprint}, report_dot_json=b"{}")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without a row: making them takes seconds, copying them does not."""
    folder = tmp_path_factory.mktemp("mlflow")
    Tracking(f"sqlite:///{folder}/mlflow.db", str(folder)).models()
    return folder / "mlflow.db"


@pytest.fixture
def registry(context: StageContext, empty_database: Path) -> Registry:
    database = local_database(context.store)
    database.parent.mkdir(parents=True)
    shutil.copyfile(empty_database, database)
    return open_registry(RegistrySpec(), context)
