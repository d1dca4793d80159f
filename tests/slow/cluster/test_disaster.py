"""Everything is gone, cluster and store: a backup brings the same revision with the same answers to an empty cluster."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cluster.local import control
from cluster.local.plan import LocalCluster
from tests.app.test_pipeline import RECIPE
from tests.slow.cluster.conftest import MakeCluster
from tests.slow.conftest import Seen
from workloads.corpus.demo import write_demo_corpus
from workloads.serving.address import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CODE = Path(__file__).parents[3]
QUESTION = {"model": "tiny", "prompt": "青石镇的人", "max_tokens": 24, "temperature": 0, "logprobs": 1}


def hanlin(*arguments: object) -> str:
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    done = subprocess.run(command, cwd=CODE, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def served(recipe: Path, cluster: LocalCluster) -> Iterator[str]:
    """`hanlin serve` on that cluster, and where it answers."""
    command = [sys.executable, "-m", "app", "serve", str(recipe), "--address", cluster.address]
    port = free_port()
    with subprocess.Popen([*command, "--set", f"serving.port={port}"], cwd=CODE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if " at http" in line)
            assert line.startswith("tiny@1 ")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=120)


def answer(url: str) -> tuple[str, list[float]]:
    reply = httpx.post(f"{url}/v1/completions", json=QUESTION, timeout=60).raise_for_status().json()
    (choice,) = reply["choices"]
    return choice["text"], choice["logprobs"]["token_logprobs"]


def test_the_same_revision_gives_the_same_answers_from_an_empty_cluster(
    make_cluster: MakeCluster, tmp_path: Path, seen: Seen
) -> None:
    write_demo_corpus(tmp_path, seed=5, documents=120)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    first = make_cluster((1, 1))
    control.use(first)
    hanlin("run", recipe, "--address", first.address)
    with served(recipe, first) as url:
        before = answer(url)
    assert len(before[1]) > 8
    hanlin("backup", tmp_path / "backups", "--recipe", recipe, "--artifacts", "copy")
    control.down(first)
    shutil.rmtree(tmp_path / "runs")
    shutil.rmtree(tmp_path / "raw")

    begun = time.monotonic()
    second = make_cluster((1, 1))
    control.use(second)
    seen("an empty cluster is up after the disaster, s", time.monotonic() - begun)
    restored = hanlin("restore", tmp_path / "backups", "--recipe", recipe)
    assert "tiny: 1 revisions (production 1)" in restored
    seen("registry and artifacts are back, s", time.monotonic() - begun)
    with served(recipe, second) as url:
        assert answer(url) == before
        seen("the first answer from the restored endpoint, s", time.monotonic() - begun)
