"""ray-cluster.yaml, every variant of it: valid for Ray's own schema, and what it says is what this project needs of a cluster."""

import importlib.util
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from ray._private.label_utils import validate_label_key, validate_label_value
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start

from cluster import bootstrap, rayfile
from cluster.errors import RecipeError
from cluster.local.launch import HEAD_MEMORY, RAY_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
TEXT = rayfile.read()
CLOUDS = ("aws", "gcp")
SPOT = {"aws": {"InstanceMarketOptions": {"MarketType": "spot"}}, "gcp": {"scheduling": {"provisioningModel": "SPOT"}}}


@pytest.fixture(params=rayfile.PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(provider: str) -> dict[str, Any]:
    return dict(rayfile.settings(TEXT, provider))


def start_of(config: dict[str, Any], kind: str) -> str:
    """The command that starts Ray; there is one."""
    [command] = [each for each in config[f"{kind}_start_ray_commands"] if "ray start" in each]
    return str(command)


def options_of(command: str) -> dict[str, Any]:
    """What `ray start` itself reads from the command's flags; an unknown flag is an error."""
    arguments = shlex.split(command.partition("ray start ")[2].partition("&&")[0])
    with start.make_context("start", arguments, resilient_parsing=False) as context:
        assert isinstance(context, click.Context)
        return dict(context.params)


def environment_of(command: str) -> dict[str, str]:
    return dict(re.findall(r"\b([A-Z]\w+)=(\S+)", command.partition("ray start ")[0].partition("export ")[2]))


def test_the_file_as_it_stands_is_the_local_variant() -> None:
    assert yaml.safe_load(TEXT) == rayfile.settings(TEXT, "local")
    assert rayfile.settings(TEXT, "local")["provider"]["type"] == "local"  # type: ignore[index]


def test_ray_takes_it(config: dict[str, Any], provider: str) -> None:
    prepared = prepare_config(config)
    assert prepared["provider"]["type"] == provider
    validate_config(bootstrap.fill(prepared) if bootstrap.is_local(prepared) else prepared)


def test_a_key_that_ray_does_not_know_would_be_found(config: dict[str, Any]) -> None:
    import jsonschema

    with pytest.raises(jsonschema.ValidationError, match="idle_timeout"):
        validate_config(prepare_config({**config, "idle_timeout": 5}))


def test_a_variant_keeps_the_comments_and_no_other_block(provider: str) -> None:
    text = rayfile.render(TEXT, provider)
    assert not re.search(r"# (>>>|<<<)", text)
    assert [name for name in rayfile.PROVIDERS if f"type: {name}" in text] == [provider]
    assert "# EDIT" in text
    assert "# - the dashboard and the job API on loopback" in text


def test_the_head_offers_nothing(config: dict[str, Any], provider: str) -> None:
    options = options_of(start_of(config, "head"))
    assert options["head"]
    assert (options["num_cpus"], options["num_gpus"], int(options["memory"])) == (0, 0, HEAD_MEMORY)
    if provider in CLOUDS:
        head = config["available_node_types"][config["head_node_type"]]
        assert (head["resources"], head["max_workers"]) == ({"CPU": 0, "memory": HEAD_MEMORY}, 0)


def test_the_dashboard_is_on_loopback_and_metrics_have_a_port(config: dict[str, Any]) -> None:
    head, worker = options_of(start_of(config, "head")), options_of(start_of(config, "worker"))
    assert head["dashboard_host"] == "127.0.0.1"
    assert head["metrics_export_port"] == worker["metrics_export_port"] == 8080
    assert head["autoscaling_config"] == "~/ray_bootstrap_config.yaml"
    assert worker["address"] == f"$RAY_HEAD_IP:{head['port']}"


def test_failures_are_noticed_as_on_a_local_cluster(config: dict[str, Any]) -> None:
    head, worker = environment_of(start_of(config, "head")), environment_of(start_of(config, "worker"))
    of_head = {"RAY_enable_autoscaler_v2", "AUTOSCALER_UPDATE_INTERVAL_S"}
    expected = {name: value for name, value in RAY_SETTINGS.items() if name not in of_head}
    assert expected.items() <= head.items()
    assert expected.items() <= worker.items()
    assert head["AUTOSCALER_UPDATE_INTERVAL_S"] == RAY_SETTINGS["AUTOSCALER_UPDATE_INTERVAL_S"]
    assert head["RAY_enable_autoscaler_v2"] == "$AUTOSCALER_V2"


def test_the_token_is_on_and_the_head_keeps_its_state(config: dict[str, Any]) -> None:
    for kind in ("head", "worker"):
        own = environment_of(start_of(config, kind))
        assert own["RAY_AUTH_MODE"] == "token"
        assert own["RAY_AUTH_TOKEN_PATH"].replace("$HOME", "~") in config["file_mounts"]
    head = environment_of(start_of(config, "head"))
    assert head["RAY_gcs_storage"] == "rocksdb"
    assert f"mkdir -p {head['RAY_gcs_storage_path']}" in start_of(config, "head")


def test_the_token_is_made_for_its_owner_only_and_is_not_shown(tmp_path: Path) -> None:
    """By the command that the file names: Ray's own leaves one that everybody on the machine can read (Ray 2.60)."""
    [command] = re.findall(r"^#   (\(.*get-auth-token.*\))", TEXT, re.MULTILINE)
    assert command in (ROOT / "cluster" / "runbook.md").read_text(encoding="utf-8")
    own = {"HOME": str(tmp_path), "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(["bash", "-c", f"umask 022; {command}"], env=own, capture_output=True, text=True, check=True)
    token = tmp_path / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text(encoding="utf-8")) >= 32
    assert token.read_text(encoding="utf-8") not in done.stdout + done.stderr


def test_no_secret_is_in_the_file() -> None:
    assert not re.search(
        r"RAY_AUTH_TOKEN=|BEGIN [A-Z ]*KEY|AKIA[0-9A-Z]{8}|aws_secret|password:|[0-9a-f]{24}", TEXT, re.IGNORECASE
    )


@pytest.mark.parametrize("provider", CLOUDS)
def test_rented_workers_are_spot_with_and_without_gpu(config: dict[str, Any], provider: str) -> None:
    types = dict(config["available_node_types"])
    head = types.pop(config["head_node_type"])
    [(key, spot)] = SPOT[provider].items()
    assert key not in head["node_config"]
    assert {name: each["resources"].get("GPU", 0) > 0 for name, each in types.items()} == {"cpu": False, "gpu": True}
    for each in types.values():
        assert spot.items() <= each["node_config"][key].items()
        assert each["min_workers"] == 0 < each["max_workers"]
        assert each["resources"]["CPU"] > 0 < each["resources"]["memory"]
    assert sum(each["max_workers"] for each in types.values()) <= config["max_workers"]
    for name, value in [label for each in (head, *types.values()) for label in each["labels"].items()]:
        assert validate_label_key(name) is None
        assert validate_label_value(value) is None


def test_what_the_commands_name_is_there(config: dict[str, Any]) -> None:
    mounts = {there: here for there, here in config["file_mounts"].items() if not here.startswith("~")}
    assert all((ROOT / here).exists() for here in mounts.values())
    commands = " ".join(each for key in config if key.endswith("commands") for each in config[key])
    for module in re.findall(r"python -m ([a-z.]+)", commands.replace("python3 -m venv", "")):
        assert importlib.util.find_spec(module)
        assert module.partition(".")[0] in mounts.values()
    for path in re.findall(r"~/hanlin/([a-z]\S+)", commands):
        assert any(path == here or path.startswith(f"{here}/") for here in mounts.values())
        assert (ROOT / path).exists()


def test_all_that_the_package_is_built_of_is_copied(config: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, project["project"]["readme"], "pyproject.toml", "LICENSE"} <= {*config["file_mounts"].values()}
    assert {".git", ".venv", "runs", "demo"} <= {*config["rsync_exclude"]}


def test_settings_can_be_changed_key_by_key() -> None:
    changed = rayfile.settings(TEXT, "local", {"provider": {"head_ip": "10.0.0.1"}, "setup_commands": []})
    assert changed["provider"] == {**yaml.safe_load(TEXT)["provider"], "head_ip": "10.0.0.1"}
    assert changed["setup_commands"] == []


@pytest.mark.parametrize("text", ["", "# >>> aws\n# a: 1\n", "# >>> aws\n# a: 1\n# <<< gcp\n", "# >>> aws\na: 1\n# <<< aws\n"])
def test_a_file_without_the_whole_block_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match=r"ray-cluster\.yaml"):
        rayfile.render(text, "aws")


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(RecipeError, match="local, aws, gcp"):
        rayfile.render(TEXT, "vsphere")
