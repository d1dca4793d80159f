"""Every rendered manifest fits its schema: KubeRay's for Ray's kinds, Kubernetes' own for the others."""

import copy
import re
from typing import Any

import pytest

from tests.cluster.kubernetes.conftest import FOLDERS, Document, render, the
from tests.cluster.kubernetes.structural import errors

KUBERNETES = "1.32"  # the oldest version that is held to


@pytest.mark.parametrize("folder", FOLDERS)
def test_rays_kinds_fit_kuberays_definitions(folder: str, crds: dict[str, Document]) -> None:
    ray = [document for document in render(folder) if document["apiVersion"].startswith("ray.io/")]
    assert ray
    found = {f"{each['kind']} {each['metadata']['name']}": errors(each, crds[each["kind"]]) for each in ray}
    assert not {name: problems for name, problems in found.items() if problems}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_other_kinds_fit_kubernetes(folder: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="install it with: pip install kubernetes-validate")
    others = [document for document in render(folder) if not document["apiVersion"].startswith("ray.io/")]
    assert others or folder == "jobs"
    for document in others:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_kubernetes_own_schemas_refuse_an_unknown_field() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="install it with: pip install kubernetes-validate")
    claim = copy.deepcopy(the("PersistentVolumeClaim", "base", "hanlin-artifacts"))
    claim["spec"]["accessMode"] = claim["spec"].pop("accessModes")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(claim, KUBERNETES, strict=True)


def container_of(cluster: Document) -> Document:
    found: Document = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["spec"].update(authOption={}), r"\$\.spec: .*'authOption' was unexpected"),
        (lambda c: container_of(c).update(volumeMount=[]), r"containers\[0\]: .*'volumeMount' was unexpected"),
        (lambda c: container_of(c)["resources"]["limits"].update(cpu=1.5), r"limits\.cpu: 1\.5 is not"),
        (lambda c: c["spec"]["authOptions"].update(mode="tokens"), r"authOptions\.mode: 'tokens' is not one of"),
        (lambda c: c["spec"]["workerGroupSpecs"][0].pop("groupName"), r"'groupName' is a required property"),
        (lambda c: container_of(c)["ports"].append({"containerPort": "8000"}), r"'8000' is not of type 'integer'"),
        (lambda c: container_of(c)["env"].append(container_of(c)["env"][0]), r"env: .* is there twice"),
        (lambda c: c.update(apiVersion="ray.io/v2"), r"ray\.io/v2 RayCluster is not served"),
        (lambda c: c["metadata"].update(name="Hanlin"), r"metadata\.name: 'Hanlin' does not match"),
    ],
)
def test_a_mistake_is_refused(change: Any, told: str, crds: dict[str, Document]) -> None:
    cluster = copy.deepcopy(the("RayCluster", "base"))
    change(cluster)
    found = errors(cluster, crds["RayCluster"])
    assert any(re.search(told, each) for each in found), found


def test_a_mistake_below_an_embedded_pod_is_refused(crds: dict[str, Document]) -> None:
    service = copy.deepcopy(the("RayService", "base"))
    template = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]
    template["spec"]["terminationGracePeriod"] = template["spec"].pop("terminationGracePeriodSeconds")
    assert [each for each in errors(service, crds["RayService"]) if "terminationGracePeriod" in each]
