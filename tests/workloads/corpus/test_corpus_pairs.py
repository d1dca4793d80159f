"""Pairs in the report: what goes beside what stays, a passage in both of its documents, without personal data and with marks."""

import json
from pathlib import Path

import pytest

from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import rows, spec, text_of, write
from workloads.corpus.page import page
from workloads.corpus.rebuild import rebuild
from workloads.corpus.removal import remove_documents
from workloads.corpus.report import Report
from workloads.corpus.stage import build_corpus

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    base, passage = text_of(1, 400) + "手机13812345678。", text_of("passage", 300)
    records = [
        {"text": base},
        {"text": base.replace(text_of(1, 400)[100:103], "改了它") + "尾声。"},
        {"text": text_of(2) + "\n" + passage},
        {"text": text_of(3) + "\n" + passage + "\n" + text_of(4)},
    ]
    write(tmp_path / "raw", "a.jsonl", records)
    return tmp_path


@pytest.mark.parametrize("passages", ["report", "cut"])
def test_what_goes_stands_beside_what_stays(copies: Path, context: StageContext, passages: str) -> None:
    artifact = build_corpus(spec(passages=passages), context)
    report = rebuild(Report, json.loads(artifact.read("report.json")))
    near, shared = sorted(report.pairs, key=lambda pair: pair.reason)
    assert (near.reason, near.left.position, near.right.position) == ("near_duplicate", 1, 2)
    assert [each.text for each in near.right.stretches if each.kind == "changed"] == ["改了它", "尾声。"]
    assert (shared.reason, shared.left.position, shared.right.position) == ("shared_passage", 4, 3)
    assert shared.value >= 200
    for side in (shared.left, shared.right):
        inside = [each.text.strip() for each in side.stretches if each.kind == "shared"]
        assert inside
        assert all(each in text_of("passage", 300) for each in inside)
    html = page(report)
    assert "<mark>改了它</mark>" in html
    assert "13812345678" not in html + artifact.read("report.json").decode()


def test_a_document_taken_down_leaves_the_pairs(copies: Path, context: StageContext) -> None:
    artifact = build_corpus(spec(passages="report"), context)
    report = rebuild(Report, json.loads(artifact.read("report.json")))
    gone = next(pair.right.id for pair in report.pairs if pair.reason == "near_duplicate")
    assert gone in {row["id"] for row in rows(artifact, "documents")}
    after = remove_documents(artifact, frozenset({gone}), context).artifact
    left = rebuild(Report, json.loads(after.read("report.json"))).pairs
    assert [pair.reason for pair in left] == ["shared_passage"]
