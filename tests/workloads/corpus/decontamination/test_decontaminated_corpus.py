"""A corpus built beside evaluation sets: leaks are dropped with a reason, sources stay, and the report says both."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.artifacts import Artifact
from cluster.session import Session
from cluster.stage import StageContext
from tests.workloads.corpus.decontamination.test_hits import QUESTION, STATUTE
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus

CLEAN = "青石镇的春天来得早，河边的柳树先绿，石匠们便扛着工具去修桥，孩子们跟在后面看热闹。"


def build(context: StageContext, **settings: object) -> Artifact:
    exam = dict(zip(("question", "A", "B", "C"), QUESTION.parts, strict=True))
    (context.folder / "exam.jsonl").write_text(json.dumps(exam, ensure_ascii=False), encoding="utf-8")
    raw = context.folder / "raw"
    raw.mkdir(exist_ok=True)
    texts = [CLEAN, f"第九条　{STATUTE}。本条例自公布之日起施行。", "模拟试卷\n" + "\nA. ".join(QUESTION.parts)]
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    (raw / "a.jsonl").write_text(lines, encoding="utf-8")
    sets = [{"path": "exam.jsonl", "fields": ["question", "A", "B", "C"]}]
    spec = {"inputs": ["raw/"], "decontamination": {"sets": sets} | settings}
    return build_corpus(CorpusSpec.model_validate(spec), context)


def rows(artifact: Artifact, table: str) -> list[dict[str, object]]:
    return pq.read_table(Path(artifact.location.path) / table).to_pylist()


def test_a_leak_is_dropped_and_its_source_stays(context: StageContext, ray_session: Session) -> None:
    corpus = build(context)
    assert corpus.manifest.counts["documents_kept"] == 2
    (dropped,) = [row for row in rows(corpus, "decisions") if not row["kept"]]
    assert (dropped["rule"], dropped["matched_id"]) == ("contaminated", "exam/exam.jsonl#1")
    assert dropped["value"] == pytest.approx(1.0, abs=0.4)
    assert [(row["name"], row["quoted"]) for row in rows(corpus, "overlap")].count(("exam/exam.jsonl#1", True)) == 1
    (line,) = json.loads(corpus.read("report.json"))["overlap"]
    assert line == {"set_name": "exam", "items": 1, "searched": 1, "leaked": 1, "documents": 1, "sourced": 0, "partly": 0}
    assert "exam" in corpus.read("report.html").decode()


def test_only_told_where_asked(context: StageContext, ray_session: Session) -> None:
    corpus = build(context, action="report")
    assert corpus.manifest.counts["documents_kept"] == 3
    (line,) = json.loads(corpus.read("report.json"))["overlap"]
    assert line["leaked"] == 1


def test_a_changed_set_is_other_work(context: StageContext, ray_session: Session) -> None:
    first = build(context)
    assert build(context).fingerprint == first.fingerprint
    exam = context.folder / "exam.jsonl"
    exam.write_text(json.dumps({"question": "另一道题目问的是别的事情，与本镇无关。"}, ensure_ascii=False), encoding="utf-8")
    spec = {"inputs": ["raw/"], "decontamination": {"sets": [{"path": "exam.jsonl", "fields": ["question"]}]}}
    other = build_corpus(CorpusSpec.model_validate(spec), context)
    assert other.manifest.counts["documents_kept"] == 3
    assert other.fingerprint != first.fingerprint
