"""Workers killed twice in every single step of a corpus and a tokens run, before and after its work: the same bytes come out."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.artifacts import ArtifactStore
from cluster.stage import StageContext
from tests.slow.conftest import Seen
from tests.slow.corpus_texts import EXAM, deduplicated, everything, write_both
from tests.workloads.corpus.dedup_texts import contents
from tests.workloads.models.test_encoder import write_encoder
from workloads.corpus import flow, shuffle
from workloads.corpus.dedup import layout
from workloads.corpus.semantic import find
from workloads.corpus.stage import build_corpus
from workloads.tokenizer import encode, pack, shards
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.tokenizer.stage import pack_tokens, train_tokenizer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(1800)]

STEPS = {
    "flow": ["_read", "_clean"],
    "recurring": ["lines_of_block", "count_lines"],
    "calibrate": ["smallest_ids", "measure_block"],
    "decontamination.overlap": ["overlaps_of_block"],
    "dedup.cards": ["describe"],
    "dedup.marks": ["mark", "join_marks"],
    "dedup.index": ["describe_part", "folded_of_part"],
    "dedup.exact": ["group_equal"],
    "dedup.candidates": ["keys_of_block", "pairs_of_buckets", "pairs_of_room"],
    "dedup.verify": ["folded_of_block", "links_of_room"],
    "dedup.components": ["large_star", "small_star", "labels_of_edges"],
    "dedup.clusters": ["members_of_partition", "settle_groups", "resolve_equal", "fates_of_room"],
    "semantic.pieces": ["pieces_of_block"],
    "semantic.embed": ["embed_partition"],
    "semantic.clusters": ["teach_centroids", "assign"],
    "semantic.settle": ["settle_bucket", "with_changes"],
    "dedup.paragraphs": ["paragraphs_of_block", "repeated_paragraphs"],
    "dedup.passages": ["anchors_of_block", "matches_of_anchors", "matches_of_room", "texts_of_block", "passages_of_room"],
    "dedup.cuts": ["cuts_of_room", "cut_block"],
    "pairs": ["draw_duplicates", "holds", "draw_cuts", "look_up"],
    "dedup.fates": ["survey_block"],
    "write": ["pieces_of_block", "write_documents", "write_part"],
}
"""Every function of the corpus stage that runs as a task of its own, by module; `flow._read_clean` stands in for the first two
where nothing must have seen all text before any is cleaned (test_corpus_kill.py)."""

PACKING = {"tokenizer.encode": ["_encode_unit"], "tokenizer.shards": ["_write"]}


def marks_of(steps: dict[str, list[str]]) -> set[str]:
    return {f"{module}.{name}.{when}" for module, names in steps.items() for name in names for when in ("before", "after")}


class Killer:
    """Stand-ins for tasks: in each step the worker that does the first task of that name is killed before the work, and the one
    that does it again, or another, is killed after it, before the result is there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def seen(self) -> set[str]:
        return {mark.name for mark in self.folder.iterdir()}

    def call(self) -> Callable[..., Any]:
        """Of a task that calls the function it is given."""
        folder = str(self.folder)

        def die(function: Callable[..., Any], when: str) -> None:
            module = function.__module__.removeprefix("workloads.").removeprefix("corpus.")
            try:
                os.close(os.open(f"{folder}/{module}.{function.__name__}.{when}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

        def run(function: Callable[..., Any], *arguments: Any) -> Any:
            die(function, "before")
            result = function(*arguments)
            if hasattr(result, "__next__"):
                return stream(function, result)
            die(function, "after")
            return result

        def stream(function: Callable[..., Any], result: Iterator[Any]) -> Iterator[Any]:
            yield from result
            die(function, "after")

        return run

    def task(self, original: Any, **options: Any) -> Any:
        """Of one task, with the options it has."""
        run, function = self.call(), original._function
        return ray.remote(**options)(lambda *arguments: run(function, *arguments))

    def stream(self, original: Any) -> Any:
        """Of one task that gives its results one by one."""
        run, function = self.call(), original._function

        def work(*arguments: Any) -> Iterator[Any]:
            yield from run(function, *arguments)

        return ray.remote(num_returns="streaming")(work)


def test_workers_killed_in_every_step_change_nothing(
    tmp_path: Path, context: StageContext, monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    write_both(tmp_path)
    write_encoder(tmp_path / "encoder")
    (tmp_path / "exam.jsonl").write_text(json.dumps(EXAM, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setattr(layout, "_DOCUMENTS_PER_PARTITION", 50)
    monkeypatch.setattr(find, "_DOCUMENTS_PER_PARTITION", 80)
    quiet = [build_corpus(everything(), replace(context, name="old")), build_corpus(everything("old", "new"), context)]
    killer = Killer(tmp_path / "marks")
    run = killer.call()
    monkeypatch.setattr(shuffle, "_call", ray.remote(run))
    monkeypatch.setattr(shuffle, "_first", ray.remote(lambda function, *arguments: run(function, *arguments)[0]))
    monkeypatch.setattr(flow, "_read", killer.stream(flow._read))
    monkeypatch.setattr(flow, "_clean", killer.task(flow._clean, num_returns=3))
    elsewhere = replace(context, store=ArtifactStore(str(tmp_path / "elsewhere")))
    disturbed = [build_corpus(everything(), replace(elsewhere, name="old")), build_corpus(everything("old", "new"), elsewhere)]
    assert killer.seen() == marks_of(STEPS)
    assert [contents(artifact) for artifact in disturbed] == [contents(artifact) for artifact in quiet]
    for kind in ("exact", "near", "semantic"):
        assert all(artifact.manifest.counts[f"dropped_{kind}_duplicate"] for artifact in quiet)
    seen("steps of the corpus stage in which a worker was killed twice", len(marks_of(STEPS)) // 2)
    seen("workers killed there", len(killer.seen()))


def test_workers_killed_while_tokens_are_packed_change_nothing(
    tmp_path: Path, context: StageContext, monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    write_both(tmp_path)
    monkeypatch.setattr(pack, "_SHARD_BYTES", 64 << 10)
    monkeypatch.setattr(encode, "_UNIT_BYTES", 64 << 10)
    corpus = build_corpus(deduplicated(), context)
    tokenizer = train_tokenizer(TokenizerSpec(vocab_size=600), corpus, context)
    quiet = pack_tokens(TokensSpec(sequence_length=128), corpus, tokenizer, context)
    killer = Killer(tmp_path / "marks")
    monkeypatch.setattr(encode, "_encode_unit", killer.task(encode._encode_unit, num_cpus=1, num_returns=3))
    monkeypatch.setattr(shards, "_write", killer.task(shards._write, num_cpus=1))
    elsewhere = replace(context, store=ArtifactStore(str(tmp_path / "elsewhere")))
    disturbed = pack_tokens(TokensSpec(sequence_length=128), corpus, tokenizer, elsewhere)
    assert killer.seen() == marks_of(PACKING)
    assert contents(disturbed) == contents(quiet)
    assert len(quiet.entries("train/")) > 3
    seen("workers killed while tokens were encoded and packed", len(killer.seen()))
