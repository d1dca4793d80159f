"""The stage as a whole: what it writes, that it is done once, and what it refuses."""

import json
from pathlib import Path

import pytest

from cluster.artifacts import Artifact
from cluster.errors import ArtifactError
from cluster.session import Session
from cluster.stage import StageContext
from workloads.evaluation import EvaluationSpec
from workloads.evaluation.stage import evaluate_model

SPEC = EvaluationSpec(sample_tokens=12, samples=3, resamples=200, cpus=1)


@pytest.fixture
def evaluation(ray_session: Session, model: Artifact, corpus: Artifact, context: StageContext) -> Artifact:
    return evaluate_model(SPEC, model, corpus, context)


def test_writes_figures_samples_and_a_page(evaluation: Artifact, rows: list[dict[str, str]]) -> None:
    heldout = [row["text"] for row in rows if row["split"] == "heldout"]
    report = json.loads(evaluation.read("report.json"))
    assert report["amounts"]["documents"] == len(heldout) == evaluation.manifest.counts["documents"]
    assert report["amounts"]["characters"] == sum(map(len, heldout))
    assert report["amounts"]["bytes"] == sum(len(text.encode()) for text in heldout)
    names = [scorer["name"] for scorer in report["scorers"]]
    assert names == ["this model", "unigram", "5-gram"]
    metrics = evaluation.manifest.metrics
    assert metrics["bits_per_character_low"] < metrics["bits_per_character"] < metrics["bits_per_character_high"]
    assert (
        metrics["5gram_bits_per_character"] < metrics["unigram_bits_per_character"] < metrics["bits_per_character"]
    )  # random weights
    assert {source["source"] for source in report["sources"]} == {"村志", "问答 <b>"}
    assert sum(source["characters"] for source in report["sources"]) == report["amounts"]["characters"]
    samples = json.loads(evaluation.read("samples.json"))
    assert [sample["seed"] for sample in samples] == [7, 8, 9]
    page = evaluation.read("report.html").decode()
    assert "问答 &lt;b&gt;" in page
    assert "问答 <b>" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_is_done_once(evaluation: Artifact, model: Artifact, corpus: Artifact, context: StageContext) -> None:
    again = evaluate_model(SPEC.model_copy(update={"batch": 3}), model, corpus, context)
    assert again.manifest == evaluation.manifest
    assert context.store.ref("test", "evaluation").fingerprint == evaluation.fingerprint


def test_a_changed_byte_of_the_model_is_one_line(
    ray_session: Session, model: Artifact, corpus: Artifact, context: StageContext
) -> None:
    file = Path(model.location.path) / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors .* differs from its manifest") as caught:
        evaluate_model(SPEC, model, corpus, context)
    assert "\n" not in str(caught.value)
    assert list(context.store.artifacts("evaluation")) == []
