"""The whole stage on small planted input: what stays, what goes and why, and that nothing depends on how it was spread."""

import gzip
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.config import read_recipe
from cluster.errors import InputError
from cluster.session import Session
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import contents
from workloads.corpus.__main__ import body
from workloads.corpus.reading.read import document_id
from workloads.corpus.rules_spec import RulesSpec
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus
from workloads.text.fold import fold
from workloads.text.shingles import jaccard, shingle_set

pytestmark = pytest.mark.usefixtures("ray_session")

PLACES = ["清河村", "石桥镇", "柳林铺", "白塔寺", "望江楼", "青石巷", "杏花坞", "枫林渡"]
TRADES = ["木匠", "铁匠", "郎中", "裁缝", "船夫", "石匠", "茶农", "先生"]
DEEDS = [
    "修好了门前的小路",
    "给邻居送去一篮新茶",
    "在河边种下三棵柳树",
    "教孩子们认字算数",
    "把旧船重新刷了桐油",
    "赶集买回一匹蓝布",
]
WEATHER = ["天刚下过雨", "北风刮了一夜", "雪还没有化", "太阳晒得人发懒", "雾气漫过田埂", "星星一颗颗亮起来"]
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏"


def story(number: int) -> str:
    """A short text of its own for every number; two of them share few 5-grams."""
    rng = random.Random(number)
    parts = [
        f"{rng.choice(WEATHER)}，{rng.choice(PLACES)}的{rng.choice(TRADES)}{rng.choice(SURNAMES)}"
        f"{chr(0x4E00 + rng.randrange(3000))}{chr(0x4E00 + rng.randrange(3000))}{rng.choice(DEEDS)}，"
        f"心里想着第{rng.randrange(10_000)}件{chr(0x4E00 + rng.randrange(3000))}事。"
        for _ in range(5)
    ]
    return "".join(parts)


def write_lines(path: Path, records: list[tuple[str, str]], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"text": text, "source": source}, ensure_ascii=False) + "\n" for text, source in records)
    path.write_bytes(gzip.compress(lines.encode(encoding)) if path.suffix == ".gz" else lines.encode(encoding))


def table(artifact: Artifact, folder: str) -> list[dict[str, Any]]:
    parts = [pq.read_table(pa.BufferReader(artifact.read(entry.path))) for entry in artifact.entries(f"{folder}/")]
    return pa.concat_tables(parts).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Sound documents in several forms with a bit of everything planted among them."""
    raw = tmp_path / "raw"
    original, longer = story(1), story(2)
    near = longer[:60] + "忽" + longer[61:]
    write_lines(raw / "stories.jsonl", [(story(number), "故事") for number in range(40)])
    write_lines(
        raw / "copies.jsonl.gz",
        [
            (original, "转载"),
            (original, "故事"),
            (near, "转载"),
            (story(3).replace("，", ", ").replace("。", "．\u3000"), "标点"),
            ("首页 > 村志 > 正文\n" + story(50) + "\n点击展开更多", "网页"),
            (story(51) + "电话13800138000找我。", "网页"),
            ("全场五折，抢购从速！" * 40, "促销"),
            ("图片已删除", "网页"),
            ("Nobody in the whole village has ever seen such a long English sentence.", "网页"),
        ],
    )
    write_lines(raw / "old.jsonl", [(story(number), "旧志") for number in range(60, 70)], "gb18030")
    with (raw / "old.jsonl").open("ab") as file:
        file.write(b'{"text": "\xff\xff"}\n{"title": "x"}\n')
    (raw / "日记").mkdir()
    (raw / "日记" / "一.txt").write_text(story(80), encoding="utf-8")
    pq.write_table(pa.table({"text": [story(90), story(91)]}), raw / "more.parquet")
    return raw


def test_a_corpus_from_mixed_input(raw: Path, context: StageContext) -> None:
    artifact = build_corpus(CorpusSpec(), context)
    counts = artifact.manifest.counts
    decisions, documents, quarantine = (table(artifact, name) for name in ("decisions", "documents", "quarantine"))

    assert counts["documents_read"] == len(decisions) == 40 + 9 + 10 + 1 + 2
    dropped = {name.removeprefix("dropped_"): count for name, count in counts.items() if name.startswith("dropped_") and count}
    assert dropped == {"duplicate_13gram": 1, "length": 1, "han_share": 1, "exact_duplicate": 3, "near_duplicate": 1}
    assert counts["documents_kept"] == len(documents) == counts["documents_read"] - sum(dropped.values())
    assert dropped == dict(Counter(row["rule"] for row in decisions if not row["kept"]))
    assert [row["id"] for row in documents] == sorted({row["id"] for row in decisions if row["kept"]})
    assert (
        counts["characters_kept"] == sum(len(row["text"]) for row in documents) == sum(row["characters"] for row in documents)
    )
    assert (counts["lines_removed"], counts["personal_mobile"]) == (2, 1)

    kept = {row["id"]: row["text"] for row in documents}
    at = {(row["file"], row["position"]): row for row in decisions}
    assert kept[at["copies.jsonl.gz", 5]["id"]] == story(50)
    assert kept[at["copies.jsonl.gz", 6]["id"]] == story(51) + "电话<手机号>找我。"
    assert at["日记/一.txt", 1]["source"] == "日记"
    assert at["more.parquet", 2]["id"] == document_id("more", story(91))
    assert at["old.jsonl", 3]["kept"]
    assert [(row["file"], row["position"], row["reason"]) for row in quarantine] == [
        ("old.jsonl", 11, "invalid bytes"),
        ("old.jsonl", 12, "no text field"),
    ]
    assert counts["bad_records"] == 2


def test_duplicates_name_the_document_that_stays(raw: Path, context: StageContext) -> None:
    artifact = build_corpus(CorpusSpec(), context)
    decisions = table(artifact, "decisions")
    kept = {row["id"] for row in decisions if row["kept"]}
    duplicates = [row for row in decisions if row["stage"] == "duplicates"]
    assert all(row["matched_id"] in kept for row in duplicates)
    assert all(not row["matched_id"] for row in decisions if row["stage"] != "duplicates")
    near = next(row for row in duplicates if row["rule"] == "near_duplicate")
    longer, other = story(2), story(2)[:60] + "忽" + story(2)[61:]
    assert near["value"] == pytest.approx(jaccard(shingle_set(fold(longer)), shingle_set(fold(other))))
    assert near["value"] >= 0.8
    same = [row for row in decisions if row["id"] == document_id("故事", story(1))]
    assert [row["file"] for row in same] == ["copies.jsonl.gz", "stories.jsonl"]  # one id, both of its rows
    assert sum(row["kept"] for row in decisions if row["id"] in {document_id(s, story(1)) for s in ("故事", "转载")}) == 1


def test_held_out_by_id_at_least_one_and_never_all(raw: Path, context: StageContext) -> None:
    few = table(build_corpus(CorpusSpec(heldout_share=0.0001), context), "documents")
    many = table(build_corpus(CorpusSpec(heldout_share=0.9999), context), "documents")
    third = table(build_corpus(CorpusSpec(heldout_share=0.3), context), "documents")
    assert Counter(row["split"] for row in few)["heldout"] == 1
    assert Counter(row["split"] for row in many)["train"] == 1
    assert 5 <= Counter(row["split"] for row in third)["heldout"] <= 30
    heldout = {row["id"] for row in few if row["split"] == "heldout"}
    assert heldout <= {row["id"] for row in third if row["split"] == "heldout"}


def test_the_same_corpus_however_the_work_is_spread(raw: Path, context: StageContext) -> None:
    write_lines(raw / "large.jsonl", [(story(number), "大") for number in range(100, 400)])
    write_lines(raw / "large2.jsonl", [(story(number)[: -1 - number % 12], "大") for number in range(100, 400)])
    elsewhere = replace(context, store=ArtifactStore(str(raw.parent / "elsewhere")))
    whole = build_corpus(CorpusSpec(), context)
    spread = build_corpus(CorpusSpec(split_bytes=4096), elsewhere)
    assert whole.fingerprint == spread.fingerprint
    assert whole.manifest.counts == spread.manifest.counts
    assert whole.manifest.counts["dropped_near_duplicate"] > 100
    assert contents(whole) == contents(spread)


def test_line_numbers_and_rows_are_right_in_split_files(tmp_path: Path, context: StageContext) -> None:
    raw = tmp_path / "raw"
    records = [(story(number) + ("长" * 5000 if number == 7 else ""), "甲") for number in range(60)]
    write_lines(raw / "a.jsonl", records)
    schema = pa.schema([("text", pa.string())])
    with pq.ParquetWriter(raw / "b.parquet", schema) as writer:
        for start in range(200, 260, 10):
            writer.write_table(pa.table({"text": [story(number) for number in range(start, start + 10)]}, schema))
    decisions = table(build_corpus(CorpusSpec(split_bytes=2048), context), "decisions")
    expected = {("a.jsonl", place): document_id("甲", text) for place, (text, _) in enumerate(records, 1)}
    expected |= {("b.parquet", place): document_id("b", story(199 + place)) for place in range(1, 61)}
    assert {(row["file"], row["position"]): row["id"] for row in decisions} == expected


def test_lines_that_recur_in_a_source_go_there_and_stay_elsewhere(tmp_path: Path, context: StageContext) -> None:
    mark = "清河网 清河人自己的网站"
    pages = [(f"{mark}\n{story(number)}\n小编整理", "网页") for number in range(30)]
    write_lines(tmp_path / "raw" / "a.jsonl", [*pages, *((f"{mark}\n{story(number)}", "书") for number in range(40, 44))])
    artifact = build_corpus(CorpusSpec(), context)
    documents = table(artifact, "documents")
    assert all("清河网" not in row["text"] and "小编" not in row["text"] for row in documents if row["source"] == "网页")
    assert all("清河网" in row["text"] for row in documents if row["source"] == "书")
    assert artifact.manifest.counts["lines_removed"] == 60


def test_lines_of_copies_of_one_document_do_not_recur(tmp_path: Path, context: StageContext) -> None:
    copies = [(f"村里的老槐树\n{story(1)}", "网页")] * 30 + [(story(number), "网页") for number in range(2, 12)]
    write_lines(tmp_path / "raw" / "a.jsonl", copies)
    documents = table(build_corpus(CorpusSpec(), context), "documents")
    assert any(row["text"].startswith("村里的老槐树") for row in documents)
    assert len(documents) == 11


def test_short_documents_are_deduplicated_too(tmp_path: Path, context: StageContext) -> None:
    texts = ["春眠不觉晓。", "春眠不覺曉！", "处处闻啼鸟。", "好的。", "好的！"]
    write_lines(tmp_path / "raw" / "a.jsonl", [(text, "诗") for text in texts])
    documents = table(build_corpus(CorpusSpec(rules=RulesSpec(length=1, entropy=0)), context), "documents")
    assert sorted(fold(row["text"]) for row in documents) == sorted(["春眠不觉晓", "处处闻啼鸟", "好的"])


def test_chains_of_near_duplicates_end_in_one(tmp_path: Path, context: StageContext) -> None:
    chain = [story(1) + story(2)]
    for step in range(1, 12):
        text = chain[-1]
        chain.append(text[: step * 9] + "改" + text[step * 9 + 1 :])
    chain[5] += "末尾"
    write_lines(tmp_path / "raw" / "a.jsonl", [(text, "甲") for text in chain])
    artifact = build_corpus(CorpusSpec(), context)
    assert [row["text"] for row in table(artifact, "documents")] == [chain[5]]  # the longest
    assert artifact.manifest.counts["dropped_near_duplicate"] == 11


def test_done_work_is_not_done_again_and_changed_input_is(raw: Path, context: StageContext) -> None:
    first = build_corpus(CorpusSpec(), context)
    assert build_corpus(CorpusSpec(), context).manifest == first.manifest
    write_lines(raw / "new.jsonl", [(story(500), "新")])
    changed = build_corpus(CorpusSpec(), context)
    assert changed.manifest.counts["documents_kept"] == first.manifest.counts["documents_kept"] + 1


def test_the_reports(raw: Path, context: StageContext) -> None:
    write_lines(raw / "evil.jsonl", [("<script>alert('坏')</script>" * 3, "<b>源</b>")])
    artifact = build_corpus(CorpusSpec(), context)
    report = json.loads(artifact.read("report.json"))
    assert report["counts"] == dict(artifact.manifest.counts)
    assert report["counts"]["documents_read"] - sum(step["documents"] for step in report["waterfall"]) == len(
        table(artifact, "documents")
    )
    assert sum(line["read"] for line in report["sources"]) == report["counts"]["documents_read"]
    assert sum(each["kept"] for each in report["lengths"]) == report["counts"]["documents_kept"]
    page = artifact.read("report.html").decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("&lt;", "")
    assert "图片已删除" in page
    assert "invalid bytes" in page
    assert 'href="timings.html"' in page
    steps = json.loads(artifact.read("timings.json"))["steps"]
    names = ["preparing", "reading", "counting lines", "cleaning", "deduplicating", "writing"]
    assert [step["step"] for step in steps] == names
    assert all(step["whole"] and step["peak_bytes"] > step["driver_bytes"] > 0 for step in steps)
    assert "deduplicating" in artifact.read("timings.html").decode()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.parquet", None, r"no document could be read .*1 x no text column.*no column 'text' among body.*text_field"),
        ("a.jsonl", b"", "no document could be read .*1 x empty file"),
        ("a.jsonl", b"<html>\n<p>", "no document could be read .*2 x not JSON.*a.jsonl at 1"),
        ("a.txt", "好的。".encode(), "none of 1 documents is left .*1 by length.*loosen the thresholds"),
    ],
)
def test_input_of_which_nothing_is_left(
    tmp_path: Path, context: StageContext, name: str, data: bytes | None, message: str
) -> None:
    (tmp_path / "raw").mkdir()
    if data is None:
        pq.write_table(pa.table({"body": ["x"]}), tmp_path / "raw" / name)
    else:
        (tmp_path / "raw" / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        build_corpus(CorpusSpec(), context)
    assert list(context.store.artifacts()) == []


def test_the_section_of_a_recipe(raw: Path, context: StageContext, tmp_path: Path, ray_session: Session) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: test\ncorpus:\n  inputs:\n    - raw/stories.jsonl\n    - {path: raw/日记, source: 日记本}\n  rules: {length: 30}\n",
        encoding="utf-8",
    )
    artifact = body(context, read_recipe(str(recipe)))
    assert artifact.manifest.counts["documents_read"] == 41
    assert {row["source"] for row in table(artifact, "documents")} == {"故事", "日记本"}
