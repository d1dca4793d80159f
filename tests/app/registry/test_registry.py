"""Revisions, aliases, the gate, rollback, and loading by hash, on MLflow over SQLite."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.registry import Registry, RegistrySpec, open_registry
from app.registry.registry import registered_artifacts
from cluster.artifacts import Artifact
from cluster.errors import ArtifactError, ModelNotFoundError, StorageError, UserError
from cluster.garbage import garbage
from cluster.stage import StageContext


@pytest.fixture
def three(registry: Registry, make_model, evaluate) -> list[Artifact]:  # type: ignore[no-untyped-def]
    """Three registered, evaluated models; the first is in production."""
    models = [make_model(steps) for steps in (10, 20, 30)]
    for model in models:
        registry.register(model, evaluate(model))
    return models


def test_a_revision_knows_where_it_came_from(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    model = make_model(12)
    evaluation = evaluate(model)
    revision = registry.register(model, evaluation)
    assert (revision.name, revision.aliases) == ("test@1", ("production",))
    assert revision.content_hash == model.content_hash
    assert revision.artifact == model.uri
    assert revision.evaluation == evaluation.uri
    assert revision.metrics == {"bits_per_character": 2.5}
    assert revision.recipe == {"name": "test", "training": {"steps": 12}}
    assert [node.kind for node in revision.lineage] == ["model", "tokenizer", "tokens", "corpus", "input"]
    assert revision.lineage[-1].fingerprint == "f" * 20


def test_the_training_curve_is_in_the_run(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    model = make_model(1200)
    revision = registry.register(model, evaluate(model))
    with registry._tracking._plain() as client:
        run = client.get_run(revision.run_id)
        history = client.get_metric_history(revision.run_id, "training/loss")
    assert [(p.step, p.value) for p in sorted(history, key=lambda p: p.step)] == [(s, 9 / (s + 1)) for s in range(1200)]
    assert run.data.params["training.steps"] == "1200"
    assert run.data.metrics["evaluation/bits_per_character"] == 2.5
    assert run.info.status == "FINISHED"
    assert not (Path.cwd() / "mlruns").exists()


def test_the_same_bytes_are_the_same_revision(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    model = make_model(5)
    evaluation = evaluate(model)
    assert registry.registered(model, evaluation) is None
    first = registry.register(model, evaluation)
    entries = registry.audit.entries()
    assert registry.register(model, evaluation) == first
    assert registry.revisions() == [first]
    assert registry.audit.entries() == entries
    record = registry.registered(model, evaluation)
    assert record is not None
    assert record.number == 1


def test_candidate_production_and_back(registry: Registry, three: list[Artifact]) -> None:
    assert {r.number: r.aliases for r in registry.revisions()} == {1: ("production",), 2: (), 3: ("candidate",)}
    assert registry.promote("2").aliases == ("production",)
    assert registry.promote(reason="better").aliases == ("production",)
    assert registry.show().number == 3
    assert registry.rollback().number == 2
    assert registry.rollback("again").number == 1
    assert registry.load().content_hash == three[0].content_hash
    with pytest.raises(UserError, match="no earlier production revision"):
        registry.rollback()
    told = [(e.action, e.before, e.after) for e in registry.audit.entries("test")]
    assert told == [
        ("register", "", "1"),
        ("promote", "", "1"),
        ("register", "", "2"),
        ("register", "2", "3"),
        ("promote", "1", "2"),
        ("promote", "2", "3"),
        ("rollback", "3", "2"),
        ("rollback", "2", "1"),
    ]
    assert registry.verify_audit() == len(told)


def test_without_an_evaluation_nothing_is_promoted(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    model = make_model(5)
    assert registry.register(model, None).aliases == ("candidate",)
    with pytest.raises(UserError, match="test@1 has no evaluation"):
        registry.promote("1")
    with pytest.raises(ModelNotFoundError):
        registry.show("production")
    assert registry.register(model, evaluate(model)).aliases == ("production",)
    assert registry.registered(model, None) is None


def test_an_evaluation_of_another_model_is_refused(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match="belongs to one model"):
        registry.register(make_model(1), evaluate(make_model(2)))


def test_a_changed_byte_is_found_and_keeps_production(registry: Registry, three: list[Artifact]) -> None:
    file = Path(three[2].location.path) / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"weights", b"Weights"))
    with pytest.raises(ArtifactError, match=r"model\.safetensors of model .* differs") as caught:
        registry.promote("3")
    assert "\n" not in str(caught.value)
    assert registry.show().number == 1


def test_a_manifest_rewritten_to_match_is_found(registry: Registry, three: list[Artifact]) -> None:
    folder = Path(three[0].location.path)
    manifest = (folder / "manifest.json").read_text()
    entry = next(e for e in three[0].manifest.files if e.path == "model.safetensors")
    (folder / "manifest.json").write_text(manifest.replace(entry.sha256, "0" * 64))
    with pytest.raises(ArtifactError, match="differs from what was registered"):
        registry.load("production")


def test_unknown_revisions_name_what_there_is(registry: Registry, three: list[Artifact]) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no revision '9'; registered: .*production.*1, 2, 3"):
        registry.show("9")
    other = Registry("nobody", registry.store, registry._tracking.uri)
    with pytest.raises(ModelNotFoundError, match="registered: none"):
        other.load()
    assert registry.models() == ["test"]


def test_a_killed_registration_is_completed(registry: Registry, make_model, evaluate, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    model = make_model(5)
    evaluation = evaluate(model)
    with monkeypatch.context() as patched:
        patched.setattr(registry, "_announce", lambda revision: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.register(model, evaluation)
    assert registry.registered(model, evaluation) is None
    assert registry.register(model, evaluation).aliases == ("production",)
    assert [r.number for r in registry.revisions()] == [1]


def test_a_change_that_fails_is_logged_and_not_counted(registry: Registry, three: list[Artifact], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    registry.promote("2")
    with monkeypatch.context() as patched:
        patched.setattr(registry._tracking, "set_alias", lambda *_: (_ for _ in ()).throw(StorageError("no answer")))
        for change in (lambda: registry.promote("3"), registry.rollback):
            with pytest.raises(StorageError):
                change()
    assert [e.action for e in registry.audit.entries()][-4:] == ["promote", "failed", "rollback", "failed"]
    assert registry.show().number == 2
    assert registry.rollback().number == 1


def test_registered_models_and_their_evaluations_are_kept_from_garbage(registry: Registry, three: list[Artifact]) -> None:
    there = {artifact.location.path for artifact in registry.store.artifacts() if artifact.kind in ("model", "evaluation")}
    assert len(there) == 2 * len(three)
    assert {folder.path for folder in garbage(registry.store)} >= there
    assert not {folder.path for folder in garbage(registry.store, registered_artifacts(registry.store))} & there


def test_knowing_what_is_registered_imports_no_mlflow(registry: Registry, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    model = make_model(5)
    evaluation = evaluate(model)
    registry.register(model, evaluation)
    code = (
        "import sys; from app.registry import Registry; from cluster.artifacts import ArtifactStore\n"
        f"s = ArtifactStore({registry.store.uri!r}); r = Registry('test', s, 'sqlite:////nowhere/x.db')\n"
        f"print(r.registered(s.open('model', {model.fingerprint!r}), s.open('evaluation', {evaluation.fingerprint!r})).number)\n"
        "print('mlflow' in sys.modules, 'ray' in sys.modules, 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.split() == ["1", "False", "False", "False"]


def test_a_database_that_is_none_is_one_line(context: StageContext, make_model, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "text.db").write_text("this is no database, " * 100)
    registry = open_registry(RegistrySpec(tracking_uri="sqlite:///text.db"), context)
    with pytest.raises(StorageError, match="the registry at sqlite:") as caught:
        registry.register(make_model(1), None)
    assert "\n" not in str(caught.value)


def test_a_password_in_the_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="leave the password to the environment"):
        RegistrySpec(tracking_uri="postgresql://hanlin:secret@db/registry")
