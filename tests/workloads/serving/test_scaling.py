"""How many copies a load needs."""

import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from workloads.serving.scaling import TOKENS, LoadPolicy


@dataclass
class Load:
    """What Serve's controller tells a policy."""

    total_num_requests: float
    aggregated_metrics: dict[str, dict[str, float]] | None = None
    config: AutoscalingConfig = field(default_factory=lambda: AutoscalingConfig(target_ongoing_requests=16))


@pytest.mark.parametrize(
    ("tokens_per_copy", "load", "copies"),
    [
        (0, Load(0), 0),
        (0, Load(40, {TOKENS: {"a": 1e6}}), 2.5),
        (1000, Load(8), 0.5),
        (1000, Load(8, {}), 0.5),
        (1000, Load(8, {TOKENS: {"a": 2000, "b": 1000}}), 3),
        (1000, Load(64, {TOKENS: {"a": 2000, "b": 1000}}), 4),
    ],
)
def test_the_larger_need_decides(tokens_per_copy: int, load: Any, copies: float) -> None:
    assert LoadPolicy(tokens_per_copy)(load) == (copies, {})


CONTROLLER = """
import sys
sys.modules["workloads"] = sys.modules["app"] = sys.modules["cluster"] = None
from ray import cloudpickle
print(cloudpickle.loads(bytes.fromhex(sys.argv[1]))(tokens_per_copy=5).__call__)
"""


def test_serve_s_controller_needs_nothing_of_ours() -> None:
    policy = AutoscalingPolicy(policy_function=LoadPolicy, policy_kwargs={"tokens_per_copy": 5}).get_serialized_policy_def()
    assert policy is not None
    done = subprocess.run([sys.executable, "-c", CONTROLLER, policy.hex()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
