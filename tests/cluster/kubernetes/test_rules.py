"""What no schema says: the rules of KubeRay's operator (1.7), of Kubernetes, and our own about safety."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.local.launch import DEATH_NOTICE
from tests.cluster.kubernetes.conftest import (
    FOLDERS,
    OVERLAYS,
    Document,
    environment,
    groups,
    of_kind,
    ray_clusters,
    render,
    the,
)

SECRET_NAME = re.compile(r"token|password|passwd|secret|credential|access_key|api_key", re.IGNORECASE)
SECRET_VALUE = re.compile(r"-----BEGIN|\b[0-9a-f]{32,}\b|\bAKIA[0-9A-Z]{16}\b|://[^/\s:@]+:[^/\s@]+@")
PINNED = re.compile(r"^[\w./-]+(:\d[\w.-]*|@sha256:[0-9a-f]{64})$")


def strings(value: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def containers(folder: str) -> list[Document]:
    return [each for c in ray_clusters(folder).values() for t in groups(c).values() for each in t["spec"]["containers"]]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_secret_is_written_down(folder: str) -> None:
    assert not of_kind("Secret", folder)
    assert not [place for each in render(folder) for place, text in strings(each) if SECRET_VALUE.search(text)]
    plain = [name for each in containers(folder) for name, value in environment(each).items() if isinstance(value, str)]
    assert not [name for name in plain if SECRET_NAME.search(name)]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_token_and_the_storage_keys_come_by_reference(folder: str) -> None:
    for cluster in ray_clusters(folder).values():
        assert cluster["authOptions"] == {"mode": "token", "secretName": "hanlin-ray-token"}
    assert all(each["envFrom"] == [{"secretRef": {"name": "hanlin-storage", "optional": True}}] for each in containers(folder))


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_image_is_pinned(folder: str) -> None:
    images = {text for each in render(folder) for place, text in strings(each) if place.endswith(".image")}
    assert images
    assert not [image for image in images if not PINNED.match(image)]
    assert not PINNED.match("hanlin")
    assert not PINNED.match("hanlin:latest")


@pytest.mark.parametrize("folder", OVERLAYS)
def test_pods_are_locked_down(folder: str) -> None:
    """Pod Security's level `restricted`, which the namespaces enforce."""
    for cluster in ray_clusters(folder).values():
        for template in groups(cluster).values():
            pod = template["spec"]["securityContext"]
            assert pod["runAsNonRoot"] is True
            assert pod["runAsUser"] == pod["fsGroup"] == 1000
            assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        contexts = [each["securityContext"] for t in groups(cluster).values() for each in t["spec"]["containers"]]
        for context in [*contexts, cluster["autoscalerOptions"]["securityContext"]]:
            assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_autoscaler_can_work(folder: str) -> None:
    for cluster in ray_clusters(folder).values():
        assert cluster["enableInTreeAutoscaling"] is True
        assert cluster["autoscalerOptions"]["version"] == "v2"
        assert cluster["autoscalerOptions"]["idleTimeoutSeconds"] > 0
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        assert all("restartPolicy" not in template["spec"] for template in groups(cluster).values())
        for group in cluster["workerGroupSpecs"]:
            assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
            assert ("nvidia.com/gpu" in group["template"]["spec"]["containers"][0]["resources"]["limits"]) == (
                group["groupName"] == "gpu"
            )


@pytest.mark.parametrize("folder", OVERLAYS)
def test_head_stores_have_one_writer(folder: str) -> None:
    """A claim by name excludes a size; only the one cluster that is never doubled may name a claim, of one node."""
    stores = {name: cluster["gcsFaultToleranceOptions"] for name, cluster in ray_clusters(folder).items()}
    assert {store["backend"] for store in stores.values()} == {"rocksdb"}
    assert stores["hanlin"]["storage"] == {"claimName": "hanlin-head-store"}
    assert the("PersistentVolumeClaim", folder, "hanlin-head-store")["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert set(stores["hanlin-endpoint"]["storage"]) == {"size"}
    for cluster in ray_clusters(folder).values():  # the operator sets these itself and refuses them from others
        head = environment(groups(cluster)["head"]["spec"]["containers"][0])
        assert not {"RAY_gcs_storage", "RAY_gcs_storage_path", "RAY_REDIS_ADDRESS", "RAY_enable_autoscaler_v2"} & set(head)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_lost_node_is_noticed_as_on_a_local_cluster(folder: str) -> None:
    for cluster in ray_clusters(folder).values():
        head = environment(groups(cluster)["head"]["spec"]["containers"][0])
        assert DEATH_NOTICE.items() <= head.items()


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_pod_has_time_to_drain(folder: str) -> None:
    for cluster in ray_clusters(folder).values():
        for name, template in groups(cluster).items():
            drain = float(environment(template["spec"]["containers"][0])["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
            assert drain + 10 < template["spec"]["terminationGracePeriodSeconds"]
            assert name == "head" or drain > 60  # a training worker's and a replica's own time (GRACE_S, drain_seconds)


@pytest.mark.parametrize("folder", FOLDERS)
def test_jobs_are_what_the_operator_takes(folder: str) -> None:
    jobs = [each["spec"] for each in of_kind("RayJob", folder)]
    jobs += [each["spec"]["jobTemplate"] for each in of_kind("RayCronJob", folder)]
    for job in jobs:
        assert job["clusterSelector"] == {"ray.io/cluster": "hanlin"}
        assert not {"backoffLimit", "rayClusterSpec", "submitterPodTemplate", "shutdownAfterJobFinishes"} & set(job)
        assert job["entrypointNumCpus"] >= 1  # the driver must not die with the head
        rules = job["deletionStrategy"]["deletionRules"]
        assert {rule["policy"] for rule in rules} == {"DeleteSelf"}
        assert len({rule["condition"]["jobStatus"] for rule in rules}) == len(rules) == 2


def test_two_retrainings_never_meet() -> None:
    retrain = the("RayCronJob", "overlays/production")["spec"]
    minute, hour, day, month, weekday = retrain["schedule"].split()
    assert (day, month) == ("*", "*")
    assert all(field.isdigit() for field in (minute, hour, weekday))  # once a week
    assert retrain["jobTemplate"]["activeDeadlineSeconds"] < 7 * 86400
    assert retrain["suspend"] is False
    assert the("RayCronJob", "overlays/dev")["spec"]["suspend"] is True


@pytest.mark.parametrize("folder", OVERLAYS)
def test_upgrades_are_incremental_where_there_is_a_gateway(folder: str) -> None:
    strategy = the("RayService", folder)["spec"]["upgradeStrategy"]
    if folder.endswith("dev"):
        assert strategy == {"type": "NewCluster"}
        return
    assert strategy["type"] == "NewClusterWithIncrementalUpgrade"
    options = strategy["clusterUpgradeOptions"]
    assert 0 < options["stepSizePercent"] <= options["maxSurgePercent"] <= 100
    assert options["intervalSeconds"] > 0
    assert options["gatewayClassName"]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_another_revision_is_another_cluster(folder: str) -> None:
    """The release's ConfigMap carries a hash of its content in its name, and every pod of the endpoint names it."""
    release = next(each for each in of_kind("ConfigMap", folder) if each["metadata"]["name"].startswith("hanlin-release-"))
    assert set(release["data"]) == {"revision"}
    cluster = the("RayService", folder)["spec"]["rayClusterConfig"]
    for template in groups(cluster).values():
        assert environment(template["spec"]["containers"][0])["HANLIN_REVISION"] == {
            "configMapKeyRef": {"name": release["metadata"]["name"], "key": "revision"}
        }


@pytest.mark.parametrize("folder", OVERLAYS)
def test_disruption_budgets_are_whole_and_meet_pods(folder: str) -> None:
    """Pods that KubeRay owns have no scale to take a share of: only a whole `minAvailable` is honoured."""
    labels = [t["metadata"]["labels"] for c in ray_clusters(folder).values() for t in groups(c).values()]
    budgets = of_kind("PodDisruptionBudget", folder)
    assert len(budgets) == 3
    for budget in budgets:
        assert isinstance(budget["spec"]["minAvailable"], int)
        assert "maxUnavailable" not in budget["spec"]
        wanted = budget["spec"]["selector"]["matchLabels"].items()
        assert any(wanted <= each.items() for each in labels)
        assert not any(
            wanted <= each.items() for each in labels if (each["hanlin.io/use"], each["hanlin.io/role"]) == ("jobs", "worker")
        )


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_pod_is_behind_a_network_policy(folder: str) -> None:
    policies = [each["spec"] for each in of_kind("NetworkPolicy", folder)]
    for cluster in ray_clusters(folder).values():
        for template in groups(cluster).values():
            labels = template["metadata"]["labels"].items()
            mine = [each for each in policies if each["podSelector"]["matchLabels"].items() <= labels]
            assert {kind for each in mine for kind in each["policyTypes"]} == {"Ingress", "Egress"}
            sources = [source for each in mine for rule in each.get("ingress", ()) for source in rule["from"]]
            assert {} not in sources  # an empty selector is everybody
            opened = {port["port"] for each in mine for rule in each.get("ingress", ()) for port in rule.get("ports", ())}
            assert not opened & {6379, 10001}  # Ray's own ports stay between a cluster's pods


@pytest.mark.parametrize("folder", OVERLAYS)
def test_metrics_ports_are_named_and_open_to_prometheus(folder: str) -> None:
    policy = the("NetworkPolicy", folder, "hanlin-metrics")["spec"]
    opened = {port["port"] for port in policy["ingress"][0]["ports"]}
    for cluster in ray_clusters(folder).values():
        for template in groups(cluster).values():
            ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
            assert {port for name, port in ports.items() if name.endswith("metrics")} <= opened
            assert "metrics" in ports
