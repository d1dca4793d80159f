"""The page, its drawings and the choice of documents."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError
from cluster.observe.charts import Series, line_chart, ticks
from workloads.evaluation.bits import Estimate
from workloads.evaluation.documents import heldout_documents, training_texts
from workloads.evaluation.evaluate import MODEL
from workloads.evaluation.report import render
from workloads.evaluation.result import Amounts, Point, Result, Scorer, SourceScore
from workloads.evaluation.samples import Sample
from workloads.evaluation.spec import EvaluationSpec

HOSTILE = "<script>alert('x')</script>&\"\0"


@pytest.fixture
def result() -> Result:
    mine, other = Estimate(2.5, 2.4, 2.6), Estimate(4.0, None, None)
    return Result(
        model="abc",
        corpus="def",
        amounts=Amounts(400, 60_000, 170_000, 40_000),
        scorers=(Scorer(MODEL, mine, mine), Scorer("unigram", other, other, other), Scorer("5-gram", other, other, other)),
        sources=(SourceScore(HOSTILE, 3, 100, {MODEL: mine, "unigram": other, "5-gram": other}),),
        samples=(Sample(HOSTILE, HOSTILE, 1, 5, True, 0.1, HOSTILE, 0.0), Sample("p", "t", 2, 5, False, 0.1)),
        curve=tuple(Point(i, 9 / (i + 1), 8 / (i + 1) if i % 10 == 0 else None) for i in range(2000)),
        context=256,
        stride=128,
        baseline_characters=1_000_000,
        seconds={"score": 1.0},
    )


class _Balance(HTMLParser):
    """Fails where a tag is closed that is not open."""

    void = ("meta", "br", "line", "rect", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_escapes_what_comes_from_outside(result: Result) -> None:
    page = render(result)
    balance = _Balance()
    balance.feed(page)
    assert balance.open == []
    assert "script" not in balance.seen
    assert page.count("&lt;script&gt;") == 4  # source, prompt, text, original
    assert "38 % fewer" in page
    assert "2.500" in page
    assert not re.search(r"(src|href)=|url\(|@import", page)


def test_the_page_does_without_curve_samples_and_intervals(result: Result) -> None:
    bare = Estimate(5.0, None, None)
    scorers = (Scorer(MODEL, bare, bare), *result.scorers[1:])
    page = render(replace(result, scorers=scorers, samples=(), curve=()))
    assert "25 % more" in page
    assert "<h2>Training" not in page
    assert "<h2>Samples" not in page
    assert "None" not in page


@given(low=st.floats(-1e6, 1e6), span=st.floats(0, 1e6))
def test_ticks_are_round_and_enclose(low: float, span: float) -> None:
    high = low + span
    found = ticks(low, high)
    slack = 1e-6 * max(1, abs(low), abs(high))
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert 2 <= len(found) <= 9
    assert found == sorted(set(found))


def test_a_long_curve_is_drawn_with_its_ends(result: Result) -> None:
    points = [(p.step, p.loss) for p in result.curve if p.loss is not None]
    chart = line_chart([Series("training", "train", points)], "step", "loss")
    drawn = re.findall(r"[\d.]+,[\d.]+", chart.split('points="')[1].split('"')[0])
    assert 500 < len(drawn) < 700
    assert line_chart([Series("none", "train", [])], "step", "loss") == ""


def test_documents_first_by_id_within_the_limits(corpus: Artifact, rows: list[dict[str, str]]) -> None:
    held = sorted((row for row in rows if row["split"] == "heldout"), key=lambda row: row["id"])
    assert [d.id for d in heldout_documents(corpus, 1000, 10**6)] == [row["id"] for row in held]
    assert [d.id for d in heldout_documents(corpus, 4, 10**6)] == [row["id"] for row in held[:4]]
    cut = heldout_documents(corpus, 1000, 600)
    assert sum(d.characters for d in cut) == 600
    assert max(d.characters for d in cut) == 30  # a twentieth
    assert all(row["text"].startswith(d.text) for row, d in zip(held, cut, strict=False))
    train = sorted((row for row in rows if row["split"] == "train"), key=lambda row: row["id"])
    assert training_texts(corpus, 10**9) == [row["text"] for row in train]
    assert "".join(training_texts(corpus, 500)) == "".join(row["text"] for row in train)[:500]


def test_a_corpus_with_nothing_held_out_is_one_line(store: ArtifactStore, corpus: Artifact) -> None:
    from cluster.manifest import Work

    work = Work("corpus", {}, {}, 1)
    with store.draft(work) as draft:
        draft.write("report.json", b"{}")
    with pytest.raises(ArtifactError, match="has no held-out documents"):
        heldout_documents(store.open("corpus", work.fingerprint), 10, 1000)


def test_a_spec_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="stride at most context"):
        EvaluationSpec(context=64, stride=65)
    with pytest.raises(ValueError, match="at least 2"):
        EvaluationSpec(context=1)
    faster = EvaluationSpec(batch=2, cpus=3)
    assert faster.identity(1) == EvaluationSpec().identity(1)
    assert faster.identity(1) != faster.identity(2)
    assert EvaluationSpec(stride=5).identity(1) != EvaluationSpec().identity(1)
