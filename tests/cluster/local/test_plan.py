"""A local cluster's description: what can be asked for, what is kept, what is private."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import AddressError, RecipeError
from cluster.local import control, launch, machine, plan
from cluster.local.autoscaling import autoscaler_config


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize("workers", [(-1, 2), (3, 2), (0, 0), (0, 251)])
def test_a_range_that_cannot_be_is_refused(workers: tuple[int, int]) -> None:
    with pytest.raises(RecipeError, match="MIN:MAX"):
        plan.create("dev", workers)


@pytest.mark.parametrize("name", ["", "a/b", "../up", "averyverylongname"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="letters and digits"):
        plan.create(name, (0, 2))


def test_what_is_saved_is_what_is_loaded() -> None:
    cluster = plan.create("dev", (0, 2))
    cluster.save()
    assert plan.load("dev") == cluster == plan.load_folder(str(cluster.folder))
    assert plan.names() == ["dev"]


def test_an_unknown_cluster_names_those_that_are() -> None:
    plan.create("dev", (0, 2)).save()
    with pytest.raises(AddressError, match="no local cluster named 'other'; dev"):
        plan.load("other")


def test_two_clusters_share_no_port_and_no_mark() -> None:
    one, two = plan.create("one", (0, 2)), plan.create("two", (0, 2))
    assert one.identity != two.identity
    ports = [one.port, one.dashboard_port, one.client_port, one.autoscaler_metrics_port, one.dashboard_metrics_port]
    assert len(set(ports)) == 5


def test_only_this_user_reads_the_folder_and_the_token() -> None:
    cluster = plan.create("dev", (0, 2))
    cluster.save()
    control._write_token(cluster.token_file)
    assert stat.S_IMODE(cluster.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.token_file.stat().st_mode) == 0o600
    assert len(cluster.token_file.read_text()) == 64


def test_socket_paths_stay_under_the_limit() -> None:
    cluster = replace(plan.create("abcdefghijkl", (0, 250)))
    session = "session_2026-01-01_00-00-00_123456_1234567/sockets/plasma_store.123"
    assert len(f"/tmp/hl-1000/{cluster.name}/w250/{session}") < 107


def test_machines_take_numbers_that_are_free() -> None:
    cluster = plan.create("dev", (0, 2))
    cluster.save()
    first, second = machine.new_worker(cluster, {"a": "b"}), machine.new_worker(cluster, {})
    assert (first.name, second.name) == ("w1", "w2")
    assert (first.address, second.address) == (f"{cluster.network}.2", f"{cluster.network}.3")
    assert not machine.is_running(cluster, first)
    machine.forget(cluster, first)
    assert machine.new_worker(cluster, {}) == launch.Machine("w3", 3, first.address, {})


def test_the_autoscaler_never_puts_tasks_on_the_head() -> None:
    config = autoscaler_config(plan.create("dev", (1, 3), worker_cpus=2))
    types = config["available_node_types"]
    assert isinstance(types, dict)
    assert types["head"]["resources"] == {"CPU": 0}
    assert (types["worker"]["min_workers"], types["worker"]["max_workers"]) == (1, 3)
    assert types["worker"]["resources"]["CPU"] == 2


def test_a_dead_machine_is_noticed_within_two_seconds_with_room_for_a_busy_one() -> None:
    period, limit, missed = (int(each) for each in launch.DEATH_NOTICE.values())
    assert missed * (period + limit) < 2000, "silent from just after a check on"
    assert missed * limit + (missed - 1) * period > 1000, "alive, but too busy to answer"
    cluster = plan.create("dev", (0, 2))
    assert launch.DEATH_NOTICE.items() <= launch.environment_of(cluster, launch.head_of(cluster)).items()
