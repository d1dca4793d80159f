"""Scaling a list of hosts from none: Ray's own demand scheduler starts machines with the prepared file, and none without."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
from ray.autoscaler._private.resource_demand_scheduler import ResourceDemandScheduler
from ray.autoscaler._private.util import prepare_config
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

from cluster import bootstrap, rayfile
from cluster.errors import RecipeError

HEAD = "10.0.0.1"
SMALL = {"worker": {"cpus": 4, "memory_gb": 8}}


class OnlyAHead:
    """What the scheduler asks a provider for; the head runs, nothing else does."""

    def node_tags(self, node: str) -> dict[str, str]:
        return {TAG_RAY_NODE_KIND: NODE_KIND_HEAD, TAG_RAY_USER_NODE_TYPE: bootstrap._TYPE}

    def internal_ip(self, node: str) -> str:
        return node


def prepared(metadata: dict[str, Any] = SMALL) -> dict[str, Any]:
    """The file as `ray up` leaves it on the head."""
    changes = {"metadata": metadata, "provider": {"head_ip": HEAD, "worker_ips": ["10.0.0.2", "10.0.0.3"]}}
    return dict(prepare_config(rayfile.settings(rayfile.read(), "local", changes)))


def to_launch(config: dict[str, Any], demand: list[dict[str, float]]) -> dict[str, int]:
    types, head = config["available_node_types"], config["head_node_type"]
    scheduler = ResourceDemandScheduler(OnlyAHead(), types, config["max_workers"], head, config["upscaling_speed"])
    of_head = {HEAD: {f"node:{HEAD}": 1.0, "object_store_memory": 1e9}}
    launch, _ = scheduler.get_nodes_to_launch([HEAD], {}, demand, of_head, [], of_head, [], NodeAvailabilitySummary({}))
    return dict(launch)


@pytest.mark.parametrize("demand", [{"CPU": 1}, {"CPU": 4, "memory": 4 << 30}, {"memory": 200 << 20}])
def test_demand_starts_a_machine_from_none(demand: dict[str, float]) -> None:
    config = prepared()
    assert to_launch(config, [demand]) == {}, "Ray does it by itself now: cluster.bootstrap can go"
    assert to_launch(bootstrap.fill(config), [demand]) == {bootstrap._TYPE: 1}


def test_each_machine_is_filled_before_another_one_starts() -> None:
    config = bootstrap.fill(prepared())
    assert to_launch(config, [{"CPU": 1}] * 4) == {bootstrap._TYPE: 1}
    assert to_launch(config, [{"CPU": 1}] * 5) == {bootstrap._TYPE: 2}
    assert to_launch(config, [{"CPU": 5}]) == {}


def test_sizes_are_in_rays_units() -> None:
    assert bootstrap.worker_resources({"metadata": SMALL}) == {"CPU": 4, "memory": 8 << 30}
    more = {"metadata": {"worker": {"cpus": 1, "gpus": 2, "memory_gb": 0.5}}}
    assert bootstrap.worker_resources(more) == {"CPU": 1, "memory": 1 << 29, "GPU": 2}


@pytest.mark.parametrize(
    "worker", [None, {}, {"cpus": 0, "memory_gb": 8}, {"cpus": 1.5, "memory_gb": 8}, {"cpus": 4}, {"cpu": 4}, {"cpus": True}]
)
def test_sizes_that_no_machine_has_are_refused(worker: Any) -> None:
    with pytest.raises(RecipeError, match=r"metadata\.worker"):
        bootstrap.worker_resources({"metadata": {"worker": worker}})


def test_the_file_is_rewritten_for_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ray_bootstrap_config.yaml"
    config = prepared()
    path.write_text(json.dumps(config), encoding="utf-8")
    capsys.readouterr()  # what Ray says about the file
    for _ in range(2):  # once more where the head is restarted
        assert bootstrap.main([str(path)]) == 0
        assert capsys.readouterr().out == "0\n"
        assert json.loads(path.read_text(encoding="utf-8")) == bootstrap.fill(config)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_other_providers_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ray_bootstrap_config.yaml"
    path.write_text(text := json.dumps(prepare_config(rayfile.settings(rayfile.read(), "gcp"))), encoding="utf-8")
    capsys.readouterr()
    assert bootstrap.main([str(path)]) == 0
    assert capsys.readouterr().out == "1\n"
    assert path.read_text(encoding="utf-8") == text


def test_a_wrong_size_stops_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ray_bootstrap_config.yaml"
    path.write_text(json.dumps(prepared({"worker": {"cpus": "many"}})), encoding="utf-8")
    capsys.readouterr()
    assert bootstrap.main([str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "'many'" in shown.err
