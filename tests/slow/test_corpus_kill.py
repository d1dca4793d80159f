"""Ray workers killed in the middle of a corpus run: nothing is lost, nothing doubled, the same bytes come out."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cluster.artifacts import Artifact, ArtifactStore

pytestmark = pytest.mark.slow

DOCUMENTS = 8_000
PHASES = ("MapBatches(_read)", "MapBatches(_clean)", "_call")


def write_input(folder: Path) -> None:
    """Lines of random Han, of which every tenth is a copy of an earlier one with one character changed."""
    rng = random.Random(3)
    folder.mkdir()
    texts: list[str] = []
    for number in range(DOCUMENTS):
        clauses = ("".join(chr(rng.randrange(0x4E00, 0x8000)) for _ in range(9)) for _ in range(30))
        texts.append(f"{texts[number // 2][:-2]}改。" if number % 10 == 9 else "，".join(clauses) + "。")
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    (folder / "a.jsonl").write_text(lines, encoding="utf-8")


def start_run(folder: Path, store: str) -> subprocess.Popen[str]:
    """The stage as a process of its own, with a Ray of its own."""
    recipe = folder / f"{store}.yaml"
    recipe.write_text(f"name: kill\nstore: {store}\ncorpus: {{inputs: [raw/], split_bytes: 1000000}}\n", encoding="utf-8")
    command = [sys.executable, "-m", "workloads.corpus", str(recipe)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def kill_worker(run: subprocess.Popen[str], task: str) -> bool:
    """Kill one worker of the run that is at this task; False where the run ended before one was seen."""
    while run.poll() is None:
        for process in psutil.Process(run.pid).children(recursive=True):
            try:
                if process.cmdline()[:1] == [f"ray::{task}"]:
                    process.kill()
                    return True
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        time.sleep(0.01)
    return False


def result(folder: Path, store: str) -> Artifact:
    return ArtifactStore(str(folder / store)).ref("kill", "corpus")


def hashes(artifact: Artifact) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in artifact.manifest.files}


def test_killed_workers_change_nothing(tmp_path: Path) -> None:
    write_input(tmp_path / "raw")
    quiet = start_run(tmp_path, "quiet")
    assert quiet.communicate()[1] is not None
    assert quiet.returncode == 0
    disturbed = start_run(tmp_path, "disturbed")
    killed = [task for task in PHASES if kill_worker(disturbed, task)]
    errors = disturbed.communicate()[1]
    assert disturbed.returncode == 0, errors
    assert killed == list(PHASES)
    expected, found = result(tmp_path, "quiet"), result(tmp_path, "disturbed")
    assert found.manifest.counts == expected.manifest.counts
    assert found.manifest.counts["documents_read"] == DOCUMENTS
    duplicates = [found.manifest.counts[f"dropped_{kind}_duplicate"] for kind in ("exact", "near")]
    assert duplicates == [DOCUMENTS // 20, DOCUMENTS // 20]  # every second copy is the copy of a copy, so equal to it
    assert hashes(found) == hashes(expected)
