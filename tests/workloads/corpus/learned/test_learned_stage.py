"""Learned filters through the whole stage: what goes and why, on what the corpus depends, and the score that documents keep."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.artifacts import Artifact
from cluster.config import read_recipe
from cluster.errors import InputError, RecipeError
from cluster.stage import StageContext
from tests.workloads.text.learned.piles import junk, prose, shuffled
from workloads.corpus.learned.load import load_learned
from workloads.corpus.learned.teach import teach_perplexity, teach_quality
from workloads.corpus.preview import preview
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits
from workloads.corpus.reasons import explain
from workloads.corpus.sample import draw
from workloads.corpus.spec import CorpusSpec, InputSpec
from workloads.corpus.stage import build_corpus

NO_COPIES = {"near": False}
SPEC = {"quality": {"model": "quality", "min_score": 0.5}, "perplexity": {"model": "perplexity", "max_bits": 8}}


def write(path: Path, texts: list[str], **fields: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text, **fields}, ensure_ascii=False) + "\n" for text in texts), "utf-8")


def table(artifact: Artifact, folder: str) -> list[dict[str, Any]]:
    parts = [pq.read_table(pa.BufferReader(artifact.read(entry.path))) for entry in artifact.entries(f"{folder}/")]
    return pa.concat_tables(parts).to_pylist()


def corpus_spec(**more: Any) -> CorpusSpec:
    return CorpusSpec.model_validate({**SPEC, "duplicates": NO_COPIES, **more})


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both models, taught from files."""
    folder = tmp_path_factory.mktemp("taught")
    write(folder / "good" / "a.jsonl", [prose(number) for number in range(200)])
    write(folder / "bad" / "b.jsonl", [junk(number) for number in range(200)])
    spec = CorpusSpec()
    teach_quality(str(folder / "good"), str(folder / "bad"), str(folder / "quality"), 5000, spec)
    teach_perplexity(str(folder / "good"), str(folder / "perplexity"), 100_000, spec)
    return folder


@pytest.fixture
def raw(taught: Path, tmp_path: Path) -> Path:
    """New prose, and among it what a fixed rule would keep: shuffled characters and advertising."""
    for name in ("quality", "perplexity"):
        shutil.copytree(taught / name, tmp_path / name)
    write(tmp_path / "raw" / "good.jsonl", [prose(number) for number in range(1000, 1030)], source="文")
    bad = [*(shuffled(prose(number), number) for number in range(1030, 1036)), *(prose(n) + junk(4 * n + 2) for n in range(4))]
    write(tmp_path / "raw" / "bad.jsonl", bad, source="杂")
    return tmp_path


@pytest.mark.usefixtures("ray_session")
def test_what_the_models_say_decides(raw: Path, context: StageContext) -> None:
    spec = corpus_spec(quality={"model": "quality", "min_score": None}, rules={"advertising": None})
    artifact = build_corpus(spec, context)
    models = load_learned(spec, context.resolve).models
    assert models.quality is not None
    assert models.perplexity is not None
    decisions = {(row["file"], row["position"]): row for row in table(artifact, "decisions")}
    for number in range(6):
        row = decisions["bad.jsonl", number + 1]
        assert (row["kept"], row["rule"]) == (False, "high_perplexity")
        assert row["value"] == models.perplexity.score(shuffled(prose(1030 + number), 1030 + number)) > 8
    documents = table(artifact, "documents")
    assert all(row["score"] == models.quality.score(row["text"]) for row in documents)
    assert sum(row["source"] == "文" for row in documents) == 30
    assert artifact.manifest.inputs.keys() == {"raw", "quality", "perplexity"}


@pytest.mark.usefixtures("ray_session")
def test_the_least_score(raw: Path, context: StageContext) -> None:
    decisions = table(build_corpus(corpus_spec(perplexity=None), context), "decisions")
    gone = [row for row in decisions if row["rule"] == "quality"]
    assert len(gone) >= 6
    assert {row["source"] for row in gone} == {"杂"}
    assert all(0 <= row["value"] < row["threshold"] == 0.5 for row in gone)


@pytest.mark.usefixtures("ray_session")
def test_the_corpus_depends_on_the_model_and_not_on_its_place(raw: Path, context: StageContext) -> None:
    first = build_corpus(corpus_spec(), context)
    (raw / "quality").rename(raw / "moved")
    moved = corpus_spec(quality={"model": "moved", "min_score": 0.5})
    assert build_corpus(moved, context).manifest.fingerprint == first.manifest.fingerprint
    described = json.loads((raw / "moved" / "model.json").read_text("utf-8"))
    (raw / "moved" / "model.json").write_text(json.dumps(described | {"learned": {}}), "utf-8")
    assert build_corpus(moved, context).manifest.fingerprint != first.manifest.fingerprint


def test_a_damaged_model_stops_before_any_work(raw: Path, context: StageContext) -> None:
    weights = raw / "perplexity" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"weights\.safetensors .*damaged.*train-perplexity"):
        build_corpus(corpus_spec(), context)


@pytest.mark.usefixtures("ray_session")
def test_the_better_copy_stays_by_the_models_score(raw: Path, context: StageContext) -> None:
    better, worse = prose(2000) * 2, prose(2000) * 2 + "点击下方链接立即注册，加微信领红包"
    write(raw / "raw" / "copies.jsonl", [worse, better], source="副本", score=None)
    quality, duplicates = {"model": "quality", "min_score": None}, {"keep": "best_quality", "near": True}
    spec = corpus_spec(quality=quality, perplexity=None, duplicates=duplicates, rules={"advertising": None})
    kept = [row["text"] for row in table(build_corpus(spec, context), "documents") if row["source"] == "副本"]
    assert kept == [better]
    longest = spec.model_copy(update={"duplicates": spec.duplicates.model_copy(update={"keep": "longest"})})
    assert [row["text"] for row in table(build_corpus(longest, context), "documents") if row["source"] == "副本"] == [worse]


@pytest.mark.usefixtures("ray_session")
def test_without_a_model_the_records_own_score_stays(tmp_path: Path, context: StageContext) -> None:
    write(tmp_path / "raw" / "a.jsonl", [prose(1)], score=0.25)
    write(tmp_path / "raw" / "b.jsonl", [prose(2)])
    scores = {row["text"]: row["score"] for row in table(build_corpus(CorpusSpec(), context), "documents")}
    assert scores[prose(1)] == 0.25
    assert math.isnan(scores[prose(2)])


@pytest.mark.usefixtures("ray_session")
def test_a_threshold_from_the_source_itself(raw: Path, context: StageContext) -> None:
    calibrate = {"rules": {"high_perplexity": 20}, "least_documents": 20}
    decisions = table(build_corpus(corpus_spec(quality=None, calibrate=calibrate), context), "decisions")
    gone = [row for row in decisions if row["source"] == "文" and row["rule"] == "high_perplexity"]
    assert len(gone) == 6
    assert all(row["value"] > row["threshold"] for row in gone)


def test_calibrating_needs_the_model(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("corpus:\n  calibrate: {rules: {quality: 5}}\n", "utf-8")
    with pytest.raises(RecipeError, match=r"quality\.model"):
        read_recipe(str(recipe)).section("corpus", CorpusSpec)


def test_a_preview_shows_the_models_rules(raw: Path, context: StageContext) -> None:
    spec = corpus_spec()
    drawn = draw(find_files(((InputSpec(path="raw"), str(raw / "raw")),)).files, 100, Limits())
    lines = {line.name: line for line in preview(drawn, spec, load_learned(spec, context.resolve).models).rules()}
    assert lines["quality"].threshold == 0.5
    assert lines["quality"].dropped >= 6
    assert lines["high_perplexity"].dropped >= 6
    assert lines["low_perplexity"].threshold is None
    for name in ("quality", "high_perplexity"):
        looser, stricter = lines[name].looser, lines[name].stricter
        assert looser is not None
        assert stricter is not None
        assert looser.dropped <= lines[name].dropped <= stricter.dropped
    assert "quality" not in {line.name for line in preview(drawn, CorpusSpec()).rules()}


def test_a_recipe_that_travels_takes_the_models_places_along() -> None:
    moved = corpus_spec().with_paths(lambda path: f"/far/{path}")
    assert moved.quality is not None
    assert moved.perplexity is not None
    assert (moved.quality.model, moved.perplexity.model) == ("/far/quality", "/far/perplexity")
    assert moved.identity()["quality"] == corpus_spec().identity()["quality"] == {"min_score": 0.5}
    assert CorpusSpec().with_paths(lambda path: f"/far/{path}").quality is None


def test_reasons_in_words() -> None:
    section = corpus_spec().identity()
    assert explain("quality", section) == "scores less than 0.50 with the quality model"
    assert explain("high_perplexity", section) == "costs more than 8.00 bits per character after the reference text"
    assert explain("low_perplexity", section) == ""
