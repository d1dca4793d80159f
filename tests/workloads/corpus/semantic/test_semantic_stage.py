"""Semantic duplicates through the whole stage, with a tiny encoder of random weights whose vectors hardly know the order of signs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import ArtifactStore
from cluster.errors import InputError
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import contents, mixed, rows, spec, text_of, write
from tests.workloads.models.test_encoder import write_encoder
from workloads.corpus.semantic import find
from workloads.corpus.stage import build_corpus
from workloads.corpus.why import answer

pytestmark = pytest.mark.usefixtures("ray_session")

SEMANTIC = {"model": "./encoder", "threshold": 0.98, "characters": 64}


def turned(text: str) -> str:
    """The same clauses in another order, so that no 5-gram over a border is left and a fifth of all others goes."""
    clauses = text.rstrip("。").split("，")
    return "，".join(clause[::-1] for clause in reversed(clauses)) + "。"


@pytest.fixture
def told_twice(tmp_path: Path) -> Path:
    write_encoder(tmp_path / "encoder")
    texts = ["春天来了，农民下地播种。" * 4, "秋天来了，农民下地收割。" * 4]
    records = [{"text": text, "source": "甲"} for text in texts] + [{"text": turned(texts[0]) + "春天。", "source": "乙"}]
    write(tmp_path / "raw", "a.jsonl", [*records, {"text": text_of(1)}])
    return tmp_path


def test_what_goes_names_what_stays(told_twice: Path, context: StageContext) -> None:
    artifact = build_corpus(spec(semantic={**SEMANTIC, "threshold": 0.999}), context)
    decisions = {row["position"]: row for row in rows(artifact, "decisions")}
    lost = decisions[1]
    assert (lost["stage"], lost["rule"], lost["matched_id"]) == ("duplicates", "semantic_duplicate", decisions[3]["id"])
    assert 0.999 <= lost["value"] <= 1
    assert artifact.manifest.counts["dropped_semantic_duplicate"] == 1
    sizes = {row["id"]: row["cluster_size"] for row in rows(artifact, "documents")}
    assert sizes[decisions[3]["id"]] == 2
    told = answer(artifact, [lost["id"]])[0]
    assert (told.threshold, told.matched.id if told.matched else "") == (0.999, decisions[3]["id"])
    assert "says what another says" in told.meaning


def test_off_unless_asked_for(told_twice: Path, context: StageContext) -> None:
    assert build_corpus(spec(), context).manifest.counts["dropped_semantic_duplicate"] == 0


def test_the_corpus_depends_on_what_the_encoder_is_and_not_where(told_twice: Path, context: StageContext) -> None:
    first = build_corpus(spec(semantic=SEMANTIC), context)
    (told_twice / "encoder").rename(told_twice / "moved")
    moved = build_corpus(spec(semantic={**SEMANTIC, "model": "./moved"}), context)
    assert moved.fingerprint == first.fingerprint
    write_encoder(told_twice / "other", seed=2)
    assert build_corpus(spec(semantic={**SEMANTIC, "model": "./other"}), context).fingerprint != first.fingerprint


def test_a_missing_encoder_stops_before_the_work(told_twice: Path, context: StageContext) -> None:
    with pytest.raises(InputError, match="no encoder"):
        build_corpus(spec(semantic={"model": "./nowhere"}), context)


def test_the_same_bytes_however_the_input_is_cut(
    tmp_path: Path, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one file and in four, in several clusters and partitions."""
    write_encoder(tmp_path / "encoder")
    monkeypatch.setattr(find, "_DOCUMENTS_PER_PARTITION", 40)
    seasons = ["春天来了", "农民下地", "播种", "秋冬收割", "来春"]
    records: list[dict[str, Any]] = [
        {"text": "，".join(seasons[(number * step + step) % 5] for step in range(1, 9 + number % 7)) * 2}
        for number in range(60)
    ]
    fingerprints = []
    for name, split in (("one", 64 << 20), ("several", 1 << 20)):
        write(tmp_path / "raw", "a.jsonl", mixed(records))
        asked = spec(semantic={**SEMANTIC, "clusters": 3}).model_copy(update={"split_bytes": split})
        artifact = build_corpus(asked, replace(context, store=ArtifactStore(str(tmp_path / name))))
        assert artifact.manifest.counts["dropped_semantic_duplicate"] > 40
        fingerprints.append(contents(artifact))
    assert fingerprints[0] == fingerprints[1]
