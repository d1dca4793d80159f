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
from tests.slow.corpus_texts import deduplicated, write_both
from tests.workloads.corpus.dedup_texts import contents, edited, text_of, write

pytestmark = pytest.mark.slow

DOCUMENTS = 8_000


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


def start_run(folder: Path, store: str, settings: str) -> subprocess.Popen[str]:
    """The stage as a process of its own, with a Ray of its own."""
    recipe = folder / f"{store}.yaml"
    recipe.write_text(
        f"name: kill\nstore: {store}\ncorpus: {{inputs: [raw/], split_bytes: 1000000, {settings}}}\n", encoding="utf-8"
    )
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


@pytest.mark.parametrize(
    ("settings", "phases"),
    [("remove_boilerplate: true", ["_read", "_clean"]), ("remove_boilerplate: false", ["_read_clean", "_read_clean"])],
)
def test_killed_workers_change_nothing(tmp_path: Path, settings: str, phases: list[str]) -> None:
    write_input(tmp_path / "raw")
    quiet = start_run(tmp_path, "quiet", settings)
    assert quiet.communicate()[1] is not None
    assert quiet.returncode == 0
    disturbed = start_run(tmp_path, "disturbed", settings)
    killed = [task for task in phases if kill_worker(disturbed, task)]
    errors = disturbed.communicate()[1]
    assert disturbed.returncode == 0, errors
    assert killed == phases
    expected, found = result(tmp_path, "quiet"), result(tmp_path, "disturbed")
    assert found.manifest.counts == expected.manifest.counts
    assert found.manifest.counts["documents_read"] == DOCUMENTS
    duplicates = [found.manifest.counts[f"dropped_{kind}_duplicate"] for kind in ("exact", "near")]
    assert duplicates == [DOCUMENTS // 20, DOCUMENTS // 20]  # every second copy is the copy of a copy, so equal to it
    assert contents(found) == contents(expected)


@pytest.mark.timeout(1800)
def test_the_same_bytes_from_any_number_of_workers(tmp_path: Path) -> None:
    write_both(tmp_path)
    found = []
    for workers in (1, 2, 4):
        recipe = tmp_path / f"{workers}.yaml"
        values = {"name": "workers", "store": f"of-{workers}", "corpus": deduplicated().to_json()}
        recipe.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
        command = [sys.executable, "-m", "app", "corpus", "run", str(recipe), "--cpus", str(workers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(ArtifactStore(str(tmp_path / f"of-{workers}")).ref("workers", "corpus"))
    assert contents(found[0]) == contents(found[1]) == contents(found[2])
    assert found[0].manifest.counts["dropped_near_duplicate"] > 20


@pytest.mark.timeout(1800)
def test_a_corpus_larger_than_the_object_store_is_the_same(tmp_path: Path) -> None:
    """Ray's smallest object store, 75 MiB, against blocks of more than that: they spill."""
    folder = tmp_path / "raw"
    for part in range(4):
        write(
            folder,
            f"{part}.jsonl",
            [{"text": edited(text_of(number, 6_000), part)} for number in range(part * 900, part * 900 + 1_500)],
        )
    found = []
    for store, size in (("large", 2 << 30), ("small", 80 << 20)):
        recipe = tmp_path / f"{store}.yaml"
        recipe.write_text(
            f"name: spill\nstore: {store}\ncorpus: {{inputs: [raw/], rules: {{entropy: null}}}}\n", encoding="utf-8"
        )
        program = (
            f"import runpy, sys, cluster.session as s; s.object_store_bytes = lambda cpus: {size}; "
            f"sys.argv = ['corpus', {str(recipe)!r}]; runpy.run_module('workloads.corpus', run_name='__main__')"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(ArtifactStore(str(tmp_path / store)).ref("spill", "corpus"))
    assert contents(found[0]) == contents(found[1])
    assert found[0].manifest.counts["dropped_near_duplicate"] > 1_000
