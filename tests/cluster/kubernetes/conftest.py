"""The manifests as Kubernetes would get them, and the schemas that it would hold them against."""

import gzip
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]
FOLDER = Path(__file__).parents[3] / "cluster" / "kubernetes"
OVERLAYS = ("base", "overlays/dev", "overlays/production")
FOLDERS = (*OVERLAYS, "jobs")


@cache
def render(folder: str) -> tuple[Document, ...]:
    """What `kubectl apply --kustomize` would send; skips where there is no kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here (it renders the manifests); install it from kubernetes.io or your distribution")
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER / folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # deprecated fields are told here
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(kind: str, folder: str) -> list[Document]:
    return [document for document in render(folder) if document["kind"] == kind]


def the(kind: str, folder: str, name: str = "") -> Document:
    """The one document of a kind, or the one of that name."""
    found = [each for each in of_kind(kind, folder) if not name or each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} {kind} {name} in {folder}"
    return found[0]


def ray_clusters(folder: str) -> dict[str, Document]:
    """The specs of all Ray clusters of an overlay, by the name of what owns them."""
    clusters = {each["metadata"]["name"]: each["spec"] for each in of_kind("RayCluster", folder)}
    services = {each["metadata"]["name"]: each["spec"]["rayClusterConfig"] for each in of_kind("RayService", folder)}
    return clusters | services


def groups(cluster: Document) -> dict[str, Document]:
    """Pod templates of a Ray cluster by group, the head's as `head`."""
    workers = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    return {"head": cluster["headGroupSpec"]["template"]} | workers


def environment(container: Document) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", ())}


@pytest.fixture
def crds(shared_data: Path) -> dict[str, Document]:
    """KubeRay's custom resource definitions, by kind."""
    found = _definitions(shared_data / "kuberay")
    if not found:
        pytest.skip("KubeRay's definitions are not here (../shared/data/kuberay/*.yaml.gz beside the checkout)")
    return found


@cache
def _definitions(folder: Path) -> dict[str, Document]:
    texts = [gzip.decompress(file.read_bytes()) for file in sorted(folder.glob("*.yaml.gz"))]
    found = [yaml.load(text, Loader=yaml.CSafeLoader) for text in texts]  # 75,000 lines: the C parser
    return {each["spec"]["names"]["kind"]: each for each in found}
