"""Personal data and lexicon in the stage: every mode, the sheet, the hits, and the answers of `corpus why`."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.config import read_recipe
from cluster.errors import InputError, RecipeError
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import contents
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus
from workloads.corpus.why import answer
from workloads.corpus.why_text import to_text

pytestmark = pytest.mark.usefixtures("ray_session")

STORIES = [
    "清晨的集市上，卖豆腐的老汉早早支起了摊子，白雾一样的热气飘过半条街，孩子们围着他讨一勺豆花。",
    "木匠把最后一块榫头敲进去，退后两步看了又看，终于点了点头，说这张桌子能传给孙子用。",
    "村口那口老井的水还是甜的，外乡人路过总要讨一碗，婶子们便笑着问他从哪里来，往哪里去。",
    "雨下了整整三天，河水漫过石桥，郎中背着药箱绕了十里山路，才赶到生病的孩子床前。",
    "先生教他们念诗，念到春眠不觉晓，窗外果然有一只鸟叫起来，满屋子的孩子都笑了。",
]
PHONE, MAIL = "13812345679", "li.lei@example.com"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    lines = [
        (STORIES[0], "甲"),
        (f"{STORIES[1]}联系电话{PHONE}，邮箱{MAIL}。", "甲"),
        (f"{STORIES[2]}嚴禁賭博，补开发票，赌博害人。", "乙"),
        (f"{STORIES[3]}电话{PHONE}，谈赌博。", "乙"),
        (STORIES[4], "乙"),
        (STORIES[4] + "好", "丙"),
        (f"{PHONE} call now", "丙"),
    ]
    data = "".join(json.dumps({"text": text, "source": source}, ensure_ascii=False) + "\n" for text, source in lines)
    (tmp_path / "raw" / "a.jsonl").write_text(data + "{broken " + PHONE + "\n", encoding="utf-8")
    (tmp_path / "words.csv").write_text("赌博,涉赌\n发票,营销\n", encoding="utf-8")
    return tmp_path


def build(context: StageContext, **sections: Any) -> Artifact:
    return build_corpus(CorpusSpec.model_validate(sections), context)


def table(artifact: Artifact, folder: str) -> list[dict[str, Any]]:
    parts = [pq.read_table(pa.BufferReader(artifact.read(entry.path))) for entry in artifact.entries(f"{folder}/")]
    return pa.concat_tables(parts).to_pylist()  # type: ignore[no-any-return]


def everything(artifact: Artifact) -> str:
    """All that a reader of the artifact could see, but for the kept documents."""
    texts = [artifact.read(name).decode() for name in ("report.json", "report.html", "compliance.csv")]
    return "".join((*texts, *(str(table(artifact, name)) for name in ("decisions",))))


def test_masked_counted_and_shown_to_nobody(raw: Path, context: StageContext) -> None:
    artifact = build(context)
    documents = {row["text"] for row in table(artifact, "documents")}
    assert f"{STORIES[1]}联系电话<手机号>，邮箱<邮箱>。" in documents
    decisions = {row["position"]: row for row in table(artifact, "decisions")}
    assert decisions[2]["personal"] == [("email", 1), ("mobile", 1)]
    assert decisions[1]["personal"] == []
    assert (artifact.manifest.counts["personal_mobile"], artifact.manifest.counts["personal_email"]) == (2, 1)
    assert decisions[7]["rule"] == "han_share"
    assert decisions[7]["beginning"] == "<手机号> call now"
    for secret in (PHONE, MAIL):
        assert secret not in everything(artifact)
    report = json.loads(artifact.read("report.json"))
    assert all(re.search(r"电话1\*{9}9", each["shown"]) for each in report["audits"]["mobile"])
    assert len(report["audits"]["mobile"]) == 2


def test_tagged_text_stays_and_is_counted(raw: Path, context: StageContext) -> None:
    artifact = build(context, personal_data={"mode": "tag"}, lexicon={"files": ["words.csv"]})
    texts = {row["id"]: row["text"] for row in table(artifact, "documents")}
    assert any(PHONE in text for text in texts.values())
    hits = table(artifact, "lexicon_hits")
    assert {texts[row["id"]][row["start"] :][:2] for row in hits} == {"赌博", "賭博", "发票"}
    assert PHONE not in str(hits)
    assert artifact.manifest.counts["personal_mobile"] == 2
    assert PHONE not in everything(artifact)


def test_dropped_for_personal_data(raw: Path, context: StageContext) -> None:
    artifact = build(context, personal_data={"mode": "drop", "kinds": ["email"]})
    row = next(row for row in table(artifact, "decisions") if row["position"] == 2)
    assert (row["stage"], row["rule"], row["value"], row["kept"]) == ("personal_data", "personal_data", 1.0, False)
    assert artifact.manifest.counts["dropped_personal_data"] == 1
    assert any(PHONE in row["text"] for row in table(artifact, "documents"))  # a kind that was not asked for


def test_off_looks_for_nothing(raw: Path, context: StageContext) -> None:
    artifact = build(context, personal_data={"mode": "off"})
    assert sum(count for name, count in artifact.manifest.counts.items() if name.startswith("personal_")) == 0


def test_hits_of_the_lexicon_and_the_sheet(raw: Path, context: StageContext) -> None:
    artifact = build(context, lexicon={"files": ["words.csv"], "context": 3})
    hits = table(artifact, "lexicon_hits")
    assert sorted((row["position"], row["category"], row["word"], row["context"]) for row in hits) == [
        (3, "涉赌", "赌博", "。嚴禁賭博，补开"),
        (3, "涉赌", "赌博", "发票，赌博害人。"),
        (3, "营销", "发票", "，补开发票，赌博"),
        (4, "涉赌", "赌博", ">，谈赌博。"),
    ]
    sheet = list(csv.DictReader(io.StringIO(artifact.read("compliance.csv").decode())))
    lines = {(line["check"], line["source"], line["category"]): line for line in sheet}
    whole = lines["lexicon", "(all)", "涉赌"]
    assert (whole["checked"], whole["documents"], whole["hits"], whole["kept"]) == ("6", "2", "3", "2")
    assert lines["personal_data", "乙", "mobile"]["share"] == "0.333333"
    assert "涉赌" in artifact.read("report.html").decode()


def test_dropped_for_hits_of_some_categories(raw: Path, context: StageContext) -> None:
    lexicon = {"files": ["words.csv"], "action": "drop", "max_hits": 1, "drop_categories": ["涉赌"]}
    artifact = build(context, lexicon=lexicon)
    dropped = {row["position"]: row for row in table(artifact, "decisions") if row["rule"] == "lexicon"}
    assert {place: (row["stage"], row["value"]) for place, row in dropped.items()} == {3: ("lexicon", 2.0)}
    assert not next(row for row in table(artifact, "lexicon_hits") if row["position"] == 3)["kept"]


def test_another_word_list_is_another_corpus(raw: Path, context: StageContext) -> None:
    first = build(context, lexicon={"files": ["words.csv"]})
    (raw / "words.csv").write_text("赌博,涉赌\n", encoding="utf-8")
    second = build(context, lexicon={"files": ["words.csv"]})
    assert first.fingerprint != second.fingerprint
    assert build(context, lexicon={"files": ["words.csv"]}).manifest == second.manifest


def test_the_same_findings_however_the_work_is_spread(raw: Path, context: StageContext) -> None:
    elsewhere = replace(context, store=ArtifactStore(str(raw / "elsewhere")))
    sections: dict[str, Any] = {"lexicon": {"files": ["words.csv"]}}
    whole, spread = build(context, **sections), build(elsewhere, split_bytes=1024, **sections)
    assert contents(whole) == contents(spread)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"files": ["none.txt"]}, "no word list at .*none.txt"),
        ({"files": ["empty.txt"]}, "holds no word"),
        ({"files": ["gbk.txt"]}, "not UTF-8"),
        ({"files": ["words.csv"], "drop_categories": ["诈骗"]}, "no category '诈骗'; its categories are 涉赌, 营销"),
    ],
)
def test_word_lists_that_cannot_be_used(raw: Path, context: StageContext, section: dict[str, Any], message: str) -> None:
    (raw / "empty.txt").write_text("# nothing\n", encoding="utf-8")
    (raw / "gbk.txt").write_bytes("赌博".encode("gb18030"))
    with pytest.raises(InputError, match=message):
        build(context, lexicon=section)


def test_an_unknown_kind_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("corpus:\n  personal_data: {kinds: [phone]}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="no kind 'phone'; allowed are email"):
        read_recipe(str(tmp_path / "r.yaml")).section("corpus", CorpusSpec)


def test_why_by_id_and_by_place(raw: Path, context: StageContext) -> None:
    artifact = build(context, lexicon={"files": ["words.csv"]})
    decisions = {row["position"]: row for row in table(artifact, "decisions")}
    near, kept, short, bad = answer(artifact, [decisions[5]["id"], "a.jsonl:4", "a.jsonl:7", "a.jsonl:8"])
    assert (near.stage, near.rule, near.threshold) == ("duplicates", "near_duplicate", 0.8)
    assert near.value > 0.8
    assert near.beginning.startswith("先生教他们念诗")
    assert near.matched is not None
    assert (near.matched.id, near.matched.file, near.matched.position) == (decisions[6]["id"], "a.jsonl", 6)
    assert near.matched.beginning == STORIES[4] + "好"
    assert (kept.stage, kept.personal, kept.lexicon, kept.split) == ("kept", (("mobile", 1),), (("涉赌", 1),), kept.split)
    assert kept.split in ("train", "heldout")
    assert (short.rule, short.threshold, short.beginning) == ("han_share", 0.1, "<手机号> call now")
    assert (bad.stage, bad.rule) == ("quarantine", "not JSON")
    text = to_text([near, kept, short, bad])
    assert "a.jsonl:5 is dropped by near_duplicate" in text
    assert re.search(r"duplicates +near_duplicate, measured 0\.\d+ against a threshold of 0\.8: shares at least 80%", text)
    assert re.search(r"personal data +passed; mobile 1 masked", text)
    assert re.search(r"lexicon +passed; 涉赌 1", text)
    assert "a.jsonl:8 is set aside" in text
    assert PHONE not in text


@pytest.mark.parametrize("question", ["0" * 20, "a.jsonl:99", "b.jsonl:1", "nonsense", ""])
def test_why_of_what_is_not_there(raw: Path, context: StageContext, question: str) -> None:
    with pytest.raises(InputError, match=r"no document .* FILE:POSITION"):
        answer(build(context), [question])
