"""How many copies a revision is deployed with: a fixed number, or between two by the load; and when one is given up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from cluster.artifacts import ArtifactStore
from cluster.config import RecipeFile
from cluster.errors import RecipeError
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.deploy import bind_replica, settings_for, wait_until_up
from workloads.serving.engine.base import Stats
from workloads.serving.spec import ServingSpec


def deployed(store: ArtifactStore, folder: Path, **settings: Any) -> Any:
    """The deployment, as Serve would get it."""
    model = next(store.artifacts("model"), None) or commit_model(store, folder, "1")
    return bind_replica(ServingSpec(**settings), model, "1")._bound_deployment


@pytest.mark.parametrize("settings", [{"replicas": 3}, {"replicas": 3, "max_replicas": 3}])
def test_without_a_greater_maximum_the_number_is_fixed(
    store: ArtifactStore, tiny_folder: Path, settings: dict[str, int]
) -> None:
    found = deployed(store, tiny_folder, **settings)
    assert found.num_replicas == 3
    assert found._deployment_config.autoscaling_config is None


def test_between_two_numbers_the_load_decides(store: ArtifactStore, tiny_folder: Path) -> None:
    found = deployed(
        store, tiny_folder, replicas=2, max_replicas=6, target_ongoing_requests=4, scale_down_seconds=30, cpus_per_replica=2
    )
    scaling = found._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests) == (2, 6, 4)
    assert scaling.initial_replicas in (None, 2)
    assert scaling.downscale_delay_s == 30
    assert scaling.upscale_delay_s < scaling.look_back_period_s < scaling.downscale_delay_s
    assert found.ray_actor_options["num_cpus"] == 2, "each new copy waits for its own processors"


def test_each_copy_has_memory_held_for_it(store: ArtifactStore, tiny_folder: Path) -> None:
    most = deployed(store, tiny_folder, slots=32).ray_actor_options["memory"]
    assert most > deployed(store, tiny_folder, slots=1).ray_actor_options["memory"] > 0
    assert deployed(store, tiny_folder, memory_mb=700).ray_actor_options["memory"] == 700 << 20
    assert settings_for(ServingSpec(share_weights=True)).share_weights


def test_copies_run_in_the_python_that_they_are_given(store: ArtifactStore, tiny_folder: Path) -> None:
    own = {"py_executable": "/opt/vllm/bin/python"}
    assert deployed(store, tiny_folder, engine="vllm", runtime_env=own).ray_actor_options["runtime_env"] == own
    assert "runtime_env" not in deployed(store, tiny_folder, engine="vllm").ray_actor_options


@pytest.mark.parametrize(
    ("told", "states"),
    [
        ("cluster.errors.UserError: /m has no tokenizer.json", ["DEPLOYING"]),
        ("cluster.errors.ArtifactError: model.safetensors differs from its manifest", ["DEPLOYING"]),
        ("RuntimeError: the machine is going down", ["DEPLOYING", "DEPLOYING", "DEPLOY_FAILED"]),
        ("cluster.errors.ResourceError: 900 MiB are needed", ["DEPLOYING", "DEPLOY_FAILED"]),
        ("cluster.errors.DependencyError: the engine vllm needs the package vllm", ["DEPLOYING", "DEPLOY_FAILED"]),
        ("errors.of.another.UserError: hm", ["DEPLOYING", "RUNNING"]),
    ],
)
def test_a_copy_whose_error_would_come_again_is_not_tried_again(
    told: str, states: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = serve_says(monkeypatch, told, states)
    assert wait_until_up("model-1", 60) == ("" if states[-1] == "RUNNING" else told)
    assert left == [], "asked until it was clear, and no more"


def test_a_model_that_one_copy_has_loaded_is_tried_again_where_another_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    left = serve_says(monkeypatch, "cluster.errors.ArtifactError: no model in /m", ["DEPLOYING", "RUNNING"], running=1)
    assert wait_until_up("model-1", 60) == ""
    assert left == []


def serve_says(monkeypatch: pytest.MonkeyPatch, told: str, states: list[str], running: int = 0) -> list[str]:
    """The states that are left, one for each time that Serve is asked for its status."""
    from ray import serve

    left = list(states)
    message = f"A replica failed to start with exception. Retrying 2 more time(s). Error:\n{told}"
    copies = SimpleNamespace(message=message, replica_states={"STARTING": 1} | ({"RUNNING": running} if running else {}))

    def status() -> Any:
        application = SimpleNamespace(status=left.pop(0), message="", deployments={"replica": copies})
        return SimpleNamespace(applications={"model-1": application})

    monkeypatch.setattr(serve, "status", status)
    return left


@pytest.mark.parametrize("setting", [{"adapter_mb": 8}, {"guess_tokens": 4}, {"share_weights": True}, {"weights": "int8"}])
def test_what_vllm_does_not_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"{next(iter(setting))}.* with engine vllm, .* set engine to torch"):
        ServingSpec(engine="vllm", **setting)


def test_fewer_at_most_than_at_least_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_replicas 1 is less than replicas 2: raise it, lower replicas"):
        ServingSpec(replicas=2, max_replicas=1)
    recipe = RecipeFile("r.yaml", Path(), {"serving": {"replicas": 2, "max_replicas": 1}}, {("serving",): 7})
    with pytest.raises(RecipeError, match=r"line 7: serving .*max_replicas 1 is less than replicas 2"):
        recipe.section("serving", ServingSpec)


def test_threads_leave_room_for_the_copies_of_the_highest_load() -> None:
    assert ServingSpec(max_replicas=64).engine_threads == 1
    assert ServingSpec(replicas=2, max_replicas=5).most_replicas == 5
    assert ServingSpec(replicas=2).most_replicas == 2


def test_what_several_engines_say_is_added_up() -> None:
    one, other = Stats(running=1, slots=4, busy_seconds=0.5), Stats(running=2, slots=4, busy_seconds=1)
    assert Stats.together([one, other]) == Stats(running=3, slots=8, busy_seconds=1.5)
    assert Stats.together([]) == Stats()
