"""What the autoscaler is told passes Ray's own validation: one wrong key ends it, and only its own log would say so."""

from pathlib import Path

import jsonschema
import pytest
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

from cluster.local import plan
from cluster.local.autoscaling import autoscaler_config


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return autoscaler_config(plan.create("dev", (1, 3), idle_seconds=30))


def test_the_autoscaler_takes_it(config: dict[str, object]) -> None:
    taken = AutoscalingConfig(config)
    assert taken.get_idle_timeout_s() == 30
    limits = {name: (each.min_worker_nodes, each.max_worker_nodes) for name, each in taken.get_node_type_configs().items()}
    assert limits["worker"] == (1, 3)


@pytest.mark.parametrize("wrong", [{"idle_timeout": 5}, {"max_workers": "3"}, {"available_node_types": {"worker": {"CPU": 1}}}])
def test_a_key_that_would_end_it_would_be_found(config: dict[str, object], wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        AutoscalingConfig({**config, **wrong})
