"""The score: full marks for a perfect decision table, and each fault where it belongs."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from workloads.corpus.demo import DemoScore, DemoTruth, score_demo
from workloads.corpus.demo.noise import COPIES, EDITS, KINDS
from workloads.corpus.demo.truth import Truth, read_truth

Place = tuple[str, int]
Judge = Callable[[Truth], str]  # the rule that drops a record; "" keeps it
COPY_KINDS = {copy.kind for copy in COPIES}
EDIT_KINDS = {edit.kind for edit in EDITS}


class Bench:
    """Makes the corpus stage's two tables from a judgement of each record."""

    def __init__(self, demo: DemoTruth, texts: dict[Place, str]) -> None:
        self.truth_file = demo.truth_file
        self.truths = read_truth(demo.truth_file)
        self.texts = texts

    def score(self, judge: Judge, mend: bool = True, mended: Callable[[Truth], bool] = lambda truth: False) -> DemoScore:
        decisions, documents = [], []
        for number, truth in enumerate(self.truths):
            rule = judge(truth)
            if rule == "unread":
                continue
            row = {"id": f"{number:020x}", "file": truth.file, "position": truth.position, "rule": rule, "kept": not rule}
            decisions.append(row | {"lines_repaired": int(mended(truth))})
            if not rule:
                documents.append({"id": row["id"], "text": self._text(truth, mend)})
        return score_demo(self.truth_file, pa.Table.from_pylist(decisions), pa.Table.from_pylist(documents))

    def _text(self, truth: Truth, mend: bool) -> str:
        text = self.texts.get(truth.place, "")
        if mend and truth.kind == "boilerplate_line":
            return "\n".join(line for line in text.split("\n") if line not in truth.planted)
        if mend and truth.kind == "personal_data":
            return text.replace(truth.planted[0], "<号码>")
        return text


@pytest.fixture(scope="module")
def bench(demo: DemoTruth, texts: dict[Place, str]) -> Bench:
    return Bench(demo, texts)


def perfect(truth: Truth) -> str:
    if truth.kind == "broken_line":
        return "unread"
    return "" if truth.kind in {"clean"} | EDIT_KINDS else f"rule of {truth.kind}"


def test_a_perfect_table_gets_full_marks(bench: Bench) -> None:
    score = bench.score(perfect)
    assert set(score.kinds) == set(KINDS)
    for kind, found in score.kinds.items():
        assert (found.recall, found.precision) == (1.0, 1.0), kind
        assert found.planted > 0
    assert score.clean_dropped == 0
    assert score.gb18030_read == score.gb18030 > 0


def test_damage_that_was_mended_is_found(bench: Bench) -> None:
    def keep_mojibake(truth: Truth) -> str:
        return "" if truth.kind == "mojibake" else perfect(truth)

    assert bench.score(keep_mojibake).kinds["mojibake"].recall == 0.0
    score = bench.score(keep_mojibake, mended=lambda truth: truth.kind == "mojibake")
    assert (score.kinds["mojibake"].recall, score.kinds["mojibake"].precision) == (1.0, 1.0)


def test_it_does_not_matter_which_of_a_pair_survives(bench: Bench) -> None:
    originals = {truth.original for truth in bench.truths if truth.original}

    def other(truth: Truth) -> str:
        if truth.kind in COPY_KINDS:
            return ""
        return "duplicate" if truth.place in originals else perfect(truth)

    score = bench.score(other)
    assert all(score.kinds[kind].recall == score.kinds[kind].precision == 1.0 for kind in COPY_KINDS)
    assert score.clean_dropped == 0


def test_a_pair_that_is_lost_altogether_is_a_clean_document_dropped(bench: Bench) -> None:
    originals = {truth.original for truth in bench.truths if truth.original}
    score = bench.score(lambda truth: "duplicate" if truth.place in originals or truth.kind in COPY_KINDS else perfect(truth))
    assert score.clean_dropped == len(originals)
    assert all(score.kinds[kind].precision < 1.0 for kind in COPY_KINDS)


def test_keeping_everything_finds_nothing(bench: Bench) -> None:
    score = bench.score(lambda truth: "", mend=False)
    assert all(found.recall == 0.0 for found in score.kinds.values())
    assert score.clean_dropped == 0


def test_dropping_sound_documents_costs_precision(bench: Bench) -> None:
    def harsh(truth: Truth) -> str:
        return "rule of short" if truth.kind == "clean" and truth.position % 5 == 0 else perfect(truth)

    score = bench.score(harsh)
    assert score.kinds["short"].precision < 0.5
    assert score.kinds["english"].precision == 1.0
    assert 0.1 < score.clean_drop_share < 0.3


def test_text_left_in_or_cut_off_is_seen(bench: Bench) -> None:
    assert bench.score(perfect, mend=False).kinds["boilerplate_line"].recall == 0.0
    shortened = {place: text[:-3] for place, text in bench.texts.items()}
    before, bench.texts = bench.texts, shortened
    try:
        assert bench.score(perfect).kinds["boilerplate_line"].precision < 0.2
    finally:
        bench.texts = before
