"""Duplicates in the whole stage: which copy stays, how many there were, on which side of the split, and however it is spread."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import ArtifactStore
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import contents, edited, mixed, rows, spec, text_of, write
from workloads.corpus.dedup import layout
from workloads.corpus.stage import build_corpus

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """One text four times: old and long, new, good, and from the best source; and one of its own."""
    base = text_of(1)
    records = [
        {"text": edited(base, 2) + "尾声", "source": "网页", "date": "2020-01-01", "score": 0.1},
        {"text": edited(base, 1), "source": "网页", "date": "2024-05-01", "score": 0.2},
        {"text": base, "source": "网页", "date": "2021-01-01", "score": 0.9},
        {"text": base, "source": "志书", "date": "2022-01-01", "score": 0.3},
        {"text": text_of(2), "source": "网页"},
    ]
    write(tmp_path / "raw", "a.jsonl", records)
    return tmp_path


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ({"keep": "longest"}, 1),
        ({"keep": "newest"}, 2),
        ({"keep": "best_quality"}, 3),
        ({"keep": "preferred_source", "sources": ["志书"]}, 4),
    ],
)
def test_which_copy_stays(copies: Path, context: StageContext, policy: dict[str, Any], kept: int) -> None:
    artifact = build_corpus(spec(**policy), context)
    decisions = {row["position"]: row for row in rows(artifact, "decisions")}
    assert [position for position, row in sorted(decisions.items()) if row["kept"]] == [kept, 5]
    assert {row["matched_id"] for row in decisions.values() if not row["kept"]} == {decisions[kept]["id"]}
    documents = {row["id"]: row["cluster_size"] for row in rows(artifact, "documents")}
    assert documents == {decisions[kept]["id"]: 4, decisions[5]["id"]: 1}


def test_the_simplified_twin_stays_where_lengths_are_equal(tmp_path: Path, context: StageContext) -> None:
    pairs = [("這個國家的歷史應該由學者來寫，農民也會說話。", "这个国家的历史应该由学者来写，农民也会说话。")]
    records = [{"text": text, "source": str(number)} for pair in pairs for number in range(9) for text in pair]
    write(tmp_path / "raw", "a.jsonl", records)
    assert [row["text"] for row in rows(build_corpus(spec(), context), "documents")] == [pairs[0][1]]


def test_what_is_alike_is_on_one_side_of_the_split(tmp_path: Path, context: StageContext) -> None:
    """Every fourth has three versions of itself that are too different to be dropped."""
    edits = (0, 10, 14, 18)
    versions = [[edited(text_of(number, 400), each) for each in edits[: 1 if number % 4 else 4]] for number in range(60)]
    records = [{"text": text} for texts in versions for text in texts]
    write(tmp_path / "raw", "a.jsonl", records)
    artifact = build_corpus(spec(rows=2).model_copy(update={"heldout_share": 0.4}), context)
    documents = {row["text"]: row["split"] for row in rows(artifact, "documents")}
    assert len(documents) == 45 + 4 * 15
    sides = [{documents[text] for text in texts} for texts in versions if len(texts) > 1]
    assert all(len(side) == 1 for side in sides)
    assert Counter(min(side) for side in sides).keys() == {"train", "heldout"}


def test_the_same_corpus_with_many_partitions(tmp_path: Path, context: StageContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains, exact copies of near copies, hot buckets; as a whole, and in partitions of 40 documents."""
    rng = random.Random(5)
    texts = [text_of(number) for number in range(150)]
    for _ in range(250):
        texts.append(edited(rng.choice(texts[-60:]), rng.choice([0, 0, 1, 2])))
    texts += [
        edited(text_of("hot"), 1)[:-1] + sign
        for sign in "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往"
    ]
    rng.shuffle(texts)
    for part in range(4):
        records = [{"text": text} for text in texts[part::4]]
        write(tmp_path / "raw", f"{part}.jsonl", records if part else mixed(records))
    whole = build_corpus(spec(), context)
    monkeypatch.setattr(layout, "_DOCUMENTS_PER_PARTITION", 40)
    elsewhere = replace(context, store=ArtifactStore(str(tmp_path / "elsewhere")))
    spread = build_corpus(spec().model_copy(update={"split_bytes": 20_000}), elsewhere)
    assert whole.manifest.counts["dropped_near_duplicate"] > 50
    assert whole.manifest.counts["dropped_exact_duplicate"] > 50
    assert contents(whole) == contents(spread)


def test_a_policy_and_its_sources_go_together() -> None:
    for wrong in ({"keep": "preferred_source"}, {"sources": ["书"]}):
        with pytest.raises(ValueError, match="go together"):
            spec(**wrong)
