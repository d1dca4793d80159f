"""What a machine of a local cluster starts with."""

import os
from pathlib import Path

import pytest

from cluster.environment import NODE_ADDRESS
from cluster.local import plan
from cluster.local.launch import DRAIN_SECONDS, environment_of, head_of
from cluster.loopback import loopback_only
from workloads.serving.spec import ServingSpec


def test_a_machine_takes_nothing_from_the_session_it_is_started_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    cluster = plan.create("dev", (0, 1))
    with loopback_only():
        switches = {name for name in os.environ if name.endswith("_OSX_CLUSTER")}
        own = environment_of(cluster, head_of(cluster))
    assert switches
    assert switches.isdisjoint(own)
    assert "RAY_ADDRESS" not in own
    assert own[NODE_ADDRESS] == cluster.head_address


def test_a_machine_drains_longer_than_a_replica() -> None:
    """By half a minute, in which another replica comes up: without it Serve stops them before there is another."""
    assert ServingSpec().drain_seconds + 30 < DRAIN_SECONDS
