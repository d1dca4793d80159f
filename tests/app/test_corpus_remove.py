"""`hanlin corpus remove`: what it prints, and what the recipe's newest corpus is afterwards."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import main
from cluster.artifacts import ArtifactStore
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import rows, spec, text_of, write
from workloads.corpus.reading.read import document_id
from workloads.corpus.stage import build_corpus


@pytest.mark.usefixtures("ray_session")
def test_documents_are_taken_down(tmp_path: Path, context: StageContext, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "raw", "a.jsonl", [{"text": text_of(number)} for number in (1, 2, 3, 2)])
    store = ArtifactStore(str(tmp_path / "runs"))
    before = build_corpus(spec(), replace(context, name="shop", store=store))
    (tmp_path / "recipe.yaml").write_text("name: shop\ncorpus: {inputs: [raw]}\n", encoding="utf-8")
    gone = document_id("a", text_of(2))
    (tmp_path / "ids.txt").write_text(f"{gone}\n{'0' * 20}\n", encoding="utf-8")
    assert main(["corpus", "remove", str(tmp_path / "recipe.yaml"), "--ids", str(tmp_path / "ids.txt")]) == 0
    printed = capsys.readouterr().out
    after = store.ref("shop", "corpus")
    assert after.uri in printed
    assert f"not in this corpus: {'0' * 20}" in printed
    assert f"dropped before in favour of {gone}: {gone} (a.jsonl : 4, exact_duplicate 1)" in printed
    assert f"{before.uri} still holds them" in printed
    assert gone not in {row["id"] for row in rows(after, "documents")}


def test_ids_that_are_none_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text("name: shop\ncorpus: {}\n", encoding="utf-8")
    assert main(["corpus", "remove", str(tmp_path / "recipe.yaml"), "--ids", "abc"]) == 2
    assert "'abc' holds no document ids" in capsys.readouterr().err
