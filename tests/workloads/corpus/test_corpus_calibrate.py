"""Thresholds from the corpus itself, and conversion: through the whole stage."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.artifacts import Artifact
from cluster.config import read_recipe
from cluster.errors import RecipeError
from cluster.stage import StageContext
from tests.workloads.text.rules.good import NEWS, TRADITIONAL
from workloads.corpus.calibrate import thresholds_from
from workloads.corpus.calibrate_spec import CalibrateSpec
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus


def table(artifact: Artifact, folder: str) -> list[dict[str, Any]]:
    parts = [pq.read_table(pa.BufferReader(artifact.read(entry.path))) for entry in artifact.entries(f"{folder}/")]
    return pa.concat_tables(parts).to_pylist()  # type: ignore[no-any-return]


def texts(count: int, length: int, seed: int) -> list[str]:
    """Different texts of `length` to 2 x `length` characters that share no passages."""
    rng = random.Random(seed)
    return [
        "".join(chr(0x4E00 + rng.randrange(5000)) + ("，" if place % 8 == 7 else "") for place in range(length + number))
        for number in range(count)
    ]


def write(path: Path, documents: list[tuple[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"text": t, "source": s}, ensure_ascii=False) + "\n" for t, s in documents), "utf-8")


def test_percentiles_are_values_of_the_sample_and_keep_what_lies_on_them() -> None:
    spec = CalibrateSpec.model_validate({"rules": {"length": 10, "digits": 10}, "least_documents": 10})
    values = [{"length": float(number), "digits": number / 100} for number in range(1, 22)]
    found = thresholds_from({"甲": values, "小": values[:9]}, spec)
    assert [(each.source, each.rule, each.threshold, each.documents) for each in found] == [
        ("甲", "length", 3.0, 21),
        ("甲", "digits", 0.19, 21),
    ]


@pytest.mark.usefixtures("ray_session")
def test_each_source_gets_its_own_threshold(tmp_path: Path, context: StageContext) -> None:
    short, long = texts(60, 40, 1), texts(60, 300, 2)
    documents = [*((text, "短") for text in short), *((text, "长") for text in long), (texts(1, 25, 3)[0], "单")]
    write(tmp_path / "raw" / "a.jsonl", documents[::2])
    write(tmp_path / "raw" / "b.jsonl", documents[1::2])
    spec = CorpusSpec.model_validate({"calibrate": {"rules": {"length": 10}, "least_documents": 50}})
    artifact = build_corpus(spec, context)
    report = json.loads(artifact.read("report.json"))
    own = {each["source"]: each["threshold"] for each in report["calibration"]}
    assert own.keys() == {"短", "长"}
    dropped = [row for row in table(artifact, "decisions") if not row["kept"]]
    assert {(row["source"], row["rule"], row["threshold"]) for row in dropped} == {(s, "length", own[s]) for s in own}
    assert all(row["value"] < row["threshold"] for row in dropped)
    assert len(dropped) == 12  # a tenth of each
    assert "Thresholds from the corpus itself" in artifact.read("report.html").decode()


@pytest.mark.usefixtures("ray_session")
def test_documents_are_written_in_one_script_and_decisions_say_so(tmp_path: Path, context: StageContext) -> None:
    write(tmp_path / "raw" / "a.jsonl", [(NEWS, "甲"), (TRADITIONAL, "乙"), (NEWS.replace("，", " ，")[:120] + "。", "丙")])
    artifact = build_corpus(CorpusSpec(convert="simplified"), context)
    decisions = {row["source"]: row for row in table(artifact, "decisions")}
    assert [(decisions[s]["script"], decisions[s]["converted"], decisions[s]["normalised"]) for s in "甲乙丙"] == [
        ("simplified", False, False),
        ("traditional", True, False),
        ("simplified", False, True),
    ]
    documents = {row["source"]: row for row in table(artifact, "documents")}
    assert "图书馆设置条例" in documents["乙"]["text"]
    assert documents["乙"]["script"] == "traditional"
    counts = artifact.manifest.counts
    assert (counts["documents_converted"], counts["documents_normalised"]) == (1, 1)
    assert (counts["script_simplified"], counts["script_traditional"], counts["script_mixed"]) == (2, 1, 0)


def test_a_rule_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: t\ncorpus:\n  calibrate:\n    rules: {entropi: 1}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"entropi.*did you mean 'entropy'"):
        read_recipe(str(recipe)).section("corpus", CorpusSpec)
