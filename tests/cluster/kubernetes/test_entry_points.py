"""Every command, path, recipe and version that a manifest names is one that the code has."""

import importlib
import inspect
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from ray.serve.schema import ServeDeploySchema

from app.cli import build_parser
from app.recipe import Recipe, load_recipe
from tests.cluster.kubernetes.conftest import FOLDERS, OVERLAYS, Document, groups, of_kind, ray_clusters, the
from tests.cluster.kubernetes.image import dependencies, pins, project

RECIPE = "/etc/hanlin/recipe.yaml"
WORKLOADS = {"corpus", "tokenizer", "training", "evaluation", "pipeline"}


def entrypoints(folder: str) -> dict[str, str]:
    found = {each["metadata"]["name"]: each["spec"]["entrypoint"] for each in of_kind("RayJob", folder)}
    return found | {
        each["metadata"]["name"]: each["spec"]["jobTemplate"]["entrypoint"] for each in of_kind("RayCronJob", folder)
    }


def recipe_of(folder: str, tmp_path: Path) -> Recipe:
    file = tmp_path / "recipe.yaml"
    file.write_text(the("ConfigMap", folder, "hanlin-recipe")["data"]["recipe.yaml"], encoding="utf-8")
    return load_recipe(str(file))[1]


def serve_config(folder: str) -> ServeDeploySchema:
    return ServeDeploySchema.model_validate(yaml.safe_load(the("RayService", folder)["spec"]["serveConfigV2"]))


def test_there_is_a_job_for_every_workload() -> None:
    assert {name.removeprefix("hanlin-") for name in entrypoints("jobs")} == WORKLOADS
    assert {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in of_kind("RayJob", "jobs")} == WORKLOADS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_command_is_there(folder: str) -> None:
    for command in entrypoints(folder).values():
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        assert find_spec(f"{module}.__main__"), command
        assert RECIPE in arguments
        if module == "app":
            build_parser().parse_args(arguments)  # exits where the verb or an option is unknown
        else:
            assert arguments == [RECIPE]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_recipe_is_where_the_commands_look(folder: str) -> None:
    for cluster in ray_clusters(folder).values():
        for template in groups(cluster).values():
            volumes = {each["name"]: each for each in template["spec"]["volumes"]}
            mounts = {each["mountPath"]: volumes[each["name"]] for each in template["spec"]["containers"][0]["volumeMounts"]}
            assert mounts["/etc/hanlin"]["configMap"] == {"name": "hanlin-recipe"}
            assert mounts["/artifacts"]["persistentVolumeClaim"] == {"claimName": "hanlin-artifacts"}
    assert the("PersistentVolumeClaim", folder, "hanlin-artifacts")


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_recipe_is_valid_and_lies_on_the_volume(folder: str, tmp_path: Path) -> None:
    recipe = recipe_of(folder, tmp_path)
    assert all(place.startswith("/artifacts/") for place in (recipe.store, *(each.path for each in recipe.corpus.inputs)))
    assert recipe.training.cpus_per_worker is not None


def cpus(quantity: str) -> float:
    return float(quantity.removesuffix("m")) / (1000 if quantity.endswith("m") else 1)


def pools(cluster: Document) -> list[tuple[float, int, int]]:
    """CPUs, GPUs and most pods of each worker group, as Ray sees them (KubeRay takes the limits)."""
    limits = [
        (g["template"]["spec"]["containers"][0]["resources"]["limits"], g["maxReplicas"]) for g in cluster["workerGroupSpecs"]
    ]
    return [(cpus(each["cpu"]), int(each.get("nvidia.com/gpu", 0)), most) for each, most in limits]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_what_the_recipe_asks_for_fits_the_pools(folder: str, tmp_path: Path) -> None:
    recipe, clusters = recipe_of(folder, tmp_path), ray_clusters(folder)
    train, serving = recipe.training, recipe.serving
    room = sum(min(c // (train.cpus_per_worker or 1), g // (train.gpus_per_worker or 1) if train.gpus_per_worker else 1e9) * most
               for c, g, most in pools(clusters["hanlin"]))  # fmt: skip
    assert room >= train.workers
    replicas = next(each for each in serve_config(folder).applications[0].deployments if each.name == "replica")
    scaling = replicas.autoscaling_config
    assert isinstance(scaling, dict)
    room = sum(min(c // serving.cpus_per_replica, g // serving.gpus_per_replica if serving.gpus_per_replica else 1e9) * most
               for c, g, most in pools(clusters["hanlin-endpoint"]))  # fmt: skip
    assert room >= scaling["max_replicas"] >= scaling["min_replicas"]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_serve_config_names_a_real_application(folder: str, tmp_path: Path) -> None:
    config, recipe = serve_config(folder), recipe_of(folder, tmp_path)
    (application,) = config.applications
    module, _, name = application.import_path.partition(":")
    build = getattr(importlib.import_module(module), name)
    (parameter,) = inspect.signature(build).parameters.values()
    assert parameter.annotation.model_validate(application.args).recipe == RECIPE
    assert {each.name for each in application.deployments} == {"gateway", "replica"}
    assert config.http_options.port == 8000
    assert config.http_options.request_timeout_s > recipe.serving.request_timeout
    assert the("RayService", folder)["spec"]["rayClusterDeletionDelaySeconds"] > recipe.serving.request_timeout


@pytest.mark.parametrize("folder", OVERLAYS)
def test_rays_version_is_the_images_and_within_ours(folder: str) -> None:
    wanted = next(Requirement(each) for each in dependencies() if Requirement(each).name == "ray")
    for cluster in ray_clusters(folder).values():
        assert wanted.specifier.contains(cluster["rayVersion"])
        assert cluster["rayVersion"] == pins()["ray"]
        images = {each["image"].rpartition(":")[2] for t in groups(cluster).values() for each in t["spec"]["containers"]}
        assert images == {project()["version"]}
