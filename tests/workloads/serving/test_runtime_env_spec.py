"""The Python that copies run in: as Ray is told of it, and as Ray then starts a worker."""

import os
import sys
from pathlib import Path
from typing import Any

import ray

from cluster.session import Session
from workloads.serving.runtime_env_spec import RuntimeEnvSpec

MARK = "HANLIN_TEST_INTERPRETER"


def test_empty_is_the_clusters_own() -> None:
    assert RuntimeEnvSpec().for_ray() == {}
    assert RuntimeEnvSpec().hint == ""


def test_an_interpreter_is_one_word_to_the_shell_that_starts_it() -> None:
    own = RuntimeEnvSpec(py_executable="/opt/my vllm/python")
    assert own.for_ray() == {"py_executable": "'/opt/my vllm/python'"}
    assert "/opt/my vllm/python, which must be on each" in own.hint


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
