"""Ray workers killed in the middle of a corpus run: nothing is lost, nothing doubled, the same bytes come out."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from cluster.artifacts import Artifact, ArtifactStore
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import edited, mixed, text_of, write
from workloads.corpus import shuffle
from workloads.corpus.dedup import layout
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus

pytestmark = pytest.mark.slow

DOCUMENTS = 8_000
STEPS = {
    *("lines_of_block", "count_lines"),
    *("describe", "mark", "join_marks", "describe_part", "group_equal"),
    *("keys_of_block", "pairs_of_buckets", "pairs_of_room", "folded_of_block", "folded_of_part", "links_of_room"),
    *("large_star", "small_star", "labels_of_edges", "members_of_partition", "settle_groups", "resolve_equal", "fates_of_room"),
    *("paragraphs_of_block", "repeated_paragraphs", "anchors_of_block", "matches_of_anchors", "matches_of_room"),
    *("texts_of_block", "passages_of_room", "cuts_of_room", "cut_block"),
    *("survey_block", "pieces_of_block", "write_documents", "write_part"),
}
"""Every function that runs as a task of its own, beside reading and cleaning."""


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


def hashes(artifact: Artifact) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in artifact.manifest.files}


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
    assert hashes(found) == hashes(expected)


def killed_twice(folder: str) -> Any:
    """A stand-in for the task that runs a function: in each step the worker that does the first task of that name is killed
    before the work, and the one that does it again is killed after it."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        name = function.__name__
        if first_to(f"{folder}/{name}.before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments)
        if first_to(f"{folder}/{name}.after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def first_to(marker: str) -> bool:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    return run


def everything(base: str = "", folder: str = "raw") -> CorpusSpec:
    duplicates = {"paragraph_characters": 60, "passages": "cut"}
    values = {"inputs": [folder], "base": base, "duplicates": duplicates, "rules": {"entropy": None}, "split_bytes": 30_000}
    return CorpusSpec.model_validate(values)


def write_both(folder: Path) -> None:
    """A corpus and one to extend it, with exact and near copies within and across, and shared paragraphs and passages."""
    rng = random.Random(4)
    texts = [text_of(number, 500) for number in range(120)]
    texts += [edited(rng.choice(texts), rng.choice([0, 1, 2, 25])) for _ in range(80)]
    texts += [f"{text_of(f'own {number}', 600)}{text_of('passage', 400)}\n{text_of('paragraph', 100)}" for number in range(20)]
    write(folder / "raw", "a.jsonl", mixed([{"text": text} for text in texts]))
    fresh = [edited(texts[number], number % 3) for number in range(60)] + [text_of(f"new {number}") for number in range(40)]
    fresh += [edited(text, 1) for text in fresh[60:80]] + texts[-3:]
    write(folder / "new", "b.jsonl", mixed([{"text": text} for text in fresh]))


@pytest.mark.usefixtures("ray_session")
@pytest.mark.timeout(1800)
def test_workers_killed_in_every_step_change_nothing(
    tmp_path: Path, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_both(tmp_path)
    monkeypatch.setattr(layout, "_DOCUMENTS_PER_PARTITION", 50)
    quiet = [build_corpus(everything(), replace(context, name="old")), build_corpus(everything("old", "new"), context)]
    (tmp_path / "marks").mkdir()
    run = killed_twice(str(tmp_path / "marks"))
    monkeypatch.setattr(shuffle, "_call", ray.remote(run))
    monkeypatch.setattr(shuffle, "_first", ray.remote(lambda function, *arguments: run(function, *arguments)[0]))
    elsewhere = replace(context, store=ArtifactStore(str(tmp_path / "elsewhere")))
    disturbed = [build_corpus(everything(), replace(elsewhere, name="old")), build_corpus(everything("old", "new"), elsewhere)]
    assert {mark.name for mark in (tmp_path / "marks").iterdir()} == {
        f"{step}.{when}" for step in STEPS for when in ("before", "after")
    }
    assert [hashes(artifact) for artifact in disturbed] == [hashes(artifact) for artifact in quiet]
    assert all(artifact.manifest.counts["dropped_near_duplicate"] > 20 for artifact in quiet)


@pytest.mark.timeout(1800)
def test_the_same_bytes_from_any_number_of_workers(tmp_path: Path) -> None:
    write_both(tmp_path)
    found = []
    for workers in (1, 2, 4):
        recipe = tmp_path / f"{workers}.yaml"
        values = {"name": "workers", "store": f"of-{workers}", "corpus": everything().to_json()}
        recipe.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
        command = [sys.executable, "-m", "app", "corpus", "run", str(recipe), "--cpus", str(workers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(ArtifactStore(str(tmp_path / f"of-{workers}")).ref("workers", "corpus"))
    assert hashes(found[0]) == hashes(found[1]) == hashes(found[2])
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
    assert hashes(found[0]) == hashes(found[1])
    assert found[0].manifest.counts["dropped_near_duplicate"] > 1_000
