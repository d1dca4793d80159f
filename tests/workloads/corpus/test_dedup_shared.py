"""Shared paragraphs and passages: found wherever they stand, cut from the later document, never from all."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import rows, spec, text_of, write
from workloads.corpus.dedup.cuts import CUT, cuts_of_room, without
from workloads.corpus.dedup.layout import Layout
from workloads.corpus.dedup.passages import ANCHOR as ANCHOR_KIND
from workloads.corpus.dedup.passages import (
    anchors,
    codes_of,
    grams,
    matches_of_anchors,
    matches_of_room,
    passages_of_room,
    whole_sentences,
)
from workloads.corpus.stage import build_corpus


@pytest.mark.parametrize("least", [50, 64, 100, 191, 200, 1000])
def test_an_anchor_and_a_window_fill_a_passage(least: int) -> None:
    size, window = grams(least)
    assert size + window - 1 == least
    assert size.bit_count() == 1
    assert window >= size


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 2**32))
def test_two_texts_that_share_a_passage_share_an_anchor(before: int, after: int, seed: int) -> None:
    rng = random.Random(seed)

    def noise(length: int) -> str:
        return "".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(length))

    shared = noise(60)
    hashes = [set(anchors(codes_of(noise(length) + shared + noise(7)), 60)[0].tolist()) for length in (before, after)]
    assert hashes[0] & hashes[1]


def test_there_are_few_anchors_and_none_in_short_or_endless_text() -> None:
    rng = np.random.default_rng(1)
    assert 0.01 < len(anchors(rng.integers(0x4E00, 0x9000, 100_000).astype(np.uint32), 200)[0]) / 100_000 < 0.02
    assert len(anchors(codes_of("短"), 200)[0]) == 0
    assert len(anchors(codes_of("嗯" * 10_000), 200)[0]) == 1


def test_stretches_shrink_to_whole_sentences() -> None:
    text = "天晴了。我们出门去。山上有花。"
    assert whole_sentences(text, 2, 12) == (4, 10)
    assert whole_sentences(text, 0, 15) == (0, 15)
    start, stop = whole_sentences("没有标点的一行", 2, 5)
    assert start >= stop


def test_cuts_are_joined_and_take_line_ends_along() -> None:
    cuts = np.array([(1, 0, 5, 9, 0, False), (1, 0, 0, 6, 0, True), (2, 0, 1, 2, 0, False)], CUT)
    merged, found = cuts_of_room(cuts)
    assert merged[["row", "start", "stop"]].tolist() == [(1, 0, 9), (2, 1, 2)]
    assert (found.paragraphs, found.passages, found.documents, found.characters) == (2, 1, 2, 10)
    text = "甲甲\n乙乙\n\n丙丙"
    cut = [without(text, np.array([start]), np.array([stop])) for start, stop in ((0, 2), (3, 5), (7, 9), (1, 4), (0, 9))]
    assert cut == ["乙乙\n\n丙丙", "甲甲\n\n丙丙", "甲甲\n乙乙\n", "甲乙\n\n丙丙", ""]


def test_matches_become_passages() -> None:
    layout = Layout(1, 1, 1)
    shared = text_of("shared", 300)
    texts = [text_of(1) + shared + text_of(2), "开头。" + shared + "另外的话。" + text_of(3), text_of(4)]
    tables = []
    for row, text in enumerate(texts):
        hashes, places = anchors(codes_of(text), 200)
        table = np.zeros(len(hashes), ANCHOR_KIND)
        table["key"], table["at"], table["row"] = hashes, places, row
        tables.append(table)
    matches, needed = matches_of_room(layout, 0, *matches_of_anchors(layout, *tables))
    assert needed.tolist() == [0, 1]

    documents = np.array([(0,), (1,)], [("row", "<u8")])
    cuts = passages_of_room(200, matches, (documents, pa.array(texts[:2], pa.large_string())))
    assert [(int(each["row"]), texts[1][each["start"] : each["stop"]], int(each["other"])) for each in cuts] == [(1, shared, 0)]


@pytest.fixture
def shared_input(tmp_path: Path, context: StageContext) -> tuple[str, str]:
    passage, paragraph = text_of("passage", 400), text_of("paragraph", 100)
    write(
        tmp_path / "raw",
        "a.jsonl",
        [
            {"text": f"{text_of(1)}{passage}{text_of(2)}\n{paragraph}"},
            {"text": f"{text_of(3, 700)}{passage}{text_of(4, 700)}"},
            {"text": f"{text_of(5)}\n{paragraph}\n{text_of(6)}"},
            {"text": f"{paragraph}\n好。\n{text_of(7)}\n{paragraph}"},
            {"text": text_of(8)},
        ],
    )
    return passage, paragraph


@pytest.mark.usefixtures("ray_session")
def test_shared_text_stays_once(shared_input: tuple[str, str], context: StageContext) -> None:
    passage, paragraph = shared_input
    artifact = build_corpus(spec(paragraph_characters=50, passages="cut"), context)
    whole = "".join(row["text"] for row in rows(artifact, "documents"))
    assert (whole.count(passage), whole.count(paragraph)) == (1, 1)
    assert all(text_of(number, 700 if number in (3, 4) else 200) in whole for number in range(1, 9))
    counts = artifact.manifest.counts
    assert (counts["shared_paragraphs"], counts["shared_passages"], counts["shared_documents"]) == (3, 1, 3)
    assert counts["characters_kept"] == sum(len(row["text"]) for row in rows(artifact, "documents"))


@pytest.mark.usefixtures("ray_session")
def test_a_report_cuts_nothing(shared_input: tuple[str, str], context: StageContext) -> None:
    plain, told = build_corpus(spec(), context), build_corpus(spec(passages="report"), context)
    assert [row["text"] for row in rows(plain, "documents")] == [row["text"] for row in rows(told, "documents")]
    assert (told.manifest.counts["shared_passages"], told.manifest.counts["shared_characters"]) == (1, len(shared_input[0]))


@pytest.mark.usefixtures("ray_session")
def test_a_document_of_shared_text_only_is_dropped(tmp_path: Path, context: StageContext) -> None:
    paragraphs = [text_of(number, 100) for number in range(4)]
    write(tmp_path / "raw", "a.jsonl", [{"text": "\n".join(paragraphs)}, {"text": "\n".join([*paragraphs[1:3], "没有别的。"])}])
    decisions = {row["position"]: row for row in rows(build_corpus(spec(paragraph_characters=50), context), "decisions")}
    assert (decisions[2]["stage"], decisions[2]["rule"], decisions[2]["kept"]) == ("duplicates", "shared_text", False)
    assert decisions[1]["kept"]
