"""`hanlin demo`, with little training: all that a newcomer is to see is there, and a second run only serves and asks."""

import subprocess
import sys
from pathlib import Path

import pytest

from workloads.serving.deploy import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LITTLE = ("training.steps=5", "evaluation.max_documents=20", "evaluation.resamples=100", "evaluation.sample_tokens=8")


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    settings = [f"--set={each}" for each in (*LITTLE, f"serving.port={free_port()}")]
    command = [sys.executable, "-m", "app", "demo", "--folder", str(folder), *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_a_newcomer_sees_all_of_it_and_a_second_run_only_asks(tmp_path: Path) -> None:
    first = demo(tmp_path)
    assert first.returncode == 0, first.stderr
    for shown in (
        "documents read",
        "near duplicate",
        "clean documents wrongly dropped: 0",
        "characters per token",
        "loss (nats per token)",
        "this model",
        "unigram",
        "5-gram",
        "registered: demo@1",
        "The whole demo took",
        "open the corpus report",
        "keep serving",
        "run on my own text",
    ):
        assert shown in first.stdout, shown
    assert first.stdout.count("\n问：") == first.stdout.count("\n答：") == 3
    assert "Traceback" not in first.stderr
    stages = [line for line in first.stderr.splitlines() if line.startswith("stage_end")]
    assert all("outcome=done" in line for line in stages), stages

    second = demo(tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("\n答：") == 3
    again = [line for line in second.stderr.splitlines() if line.startswith("stage_end stage=training")]
    assert ['outcome="already done"' in line for line in again] == [True]
