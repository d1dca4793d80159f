"""The Python that copies run in: as Ray is told of it, and as Ray then starts a worker."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
from pydantic import ValidationError

from cluster.session import Session
from workloads.serving.runtime_env_spec import RuntimeEnvSpec

MARK = "HANLIN_TEST_INTERPRETER"


def test_empty_is_the_clusters_own() -> None:
    assert RuntimeEnvSpec().for_ray() == {}
    assert RuntimeEnvSpec().hint == ""
    assert "/opt/python, which must be on each" in RuntimeEnvSpec(py_executable="/opt/python").hint
    assert "pip to install vllm" in RuntimeEnvSpec(pip=("vllm",)).hint


def test_an_interpreter_or_packages_and_not_both() -> None:
    assert RuntimeEnvSpec(py_executable="/opt/my vllm/python").for_ray() == {"py_executable": "'/opt/my vllm/python'"}
    assert RuntimeEnvSpec(pip=("vllm==0.32.0",)).for_ray() == {"pip": ["vllm==0.32.0"]}
    with pytest.raises(ValidationError, match="give one of the two"):
        RuntimeEnvSpec(py_executable="python", pip=("vllm",))


def test_a_worker_runs_in_the_interpreter(ray_session: Session, tmp_path: Path) -> None:
    interpreter = tmp_path / "own python"
    interpreter.write_text(f'#!/bin/sh\n{MARK}=own exec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)

    def mark(options: dict[str, Any]) -> str:
        seen: Any = ray.remote(num_cpus=0, **options)(lambda: os.environ.get(MARK, "the cluster's"))
        return str(ray.get(seen.remote()))

    environment = RuntimeEnvSpec(py_executable=str(interpreter)).for_ray()
    assert mark({"runtime_env": environment}) == "own"
    assert mark({}) == "the cluster's"
