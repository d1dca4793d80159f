"""The sample that a preview draws, and that it tells what a run would do."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workloads.text.rules.bad import BAD
from tests.workloads.text.rules.good import GOOD
from workloads.corpus import sample
from workloads.corpus.clean import Cleaning, clean_texts
from workloads.corpus.preview import preview
from workloads.corpus.reading.files import Found, find_files
from workloads.corpus.reading.piece import Limits
from workloads.corpus.reading.spec import InputSpec
from workloads.corpus.rules_spec import RulesSpec
from workloads.corpus.sample import draw
from workloads.corpus.spec import CorpusSpec
from workloads.text.codes import Codes
from workloads.text.rules import RULES as EVERY_RULE
from workloads.text.rules.learned import LEARNED

TEXTS = [*GOOD.values(), *(text for texts in BAD.values() for text in texts)]
RULES = tuple(rule for rule in EVERY_RULE if rule not in LEARNED)
LIMIT = Limits()


def files_in(folder: Path) -> Found:
    return find_files(((InputSpec(path="."), str(folder)),))


def write_jsonl(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": text, "source": "甲"}, ensure_ascii=False) + "\n" for text in texts), "utf-8")


def test_a_sample_is_the_same_however_the_documents_are_spread(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    write_jsonl(tmp_path / "one" / "all.jsonl", TEXTS)
    for number in range(7):
        write_jsonl(tmp_path / "two" / f"{number}.jsonl", TEXTS[number::7])
    one, two = (draw(files_in(tmp_path / name).files, 30, LIMIT) for name in ("one", "two"))
    assert [(each.id, each.text) for each in one] == [(each.id, each.text) for each in two]
    assert len(one) == 30
    assert [each.id for each in one] == sorted(each.id for each in one)


def test_all_of_a_small_input_is_drawn_and_bad_records_are_passed_over(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", TEXTS[:5] + TEXTS[:2])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("not JSON\n")
    assert len(draw(files_in(tmp_path).files, 100, LIMIT)) == 5


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_large_file_is_looked_at_in_slices_from_end_to_end(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"第{number}篇：" + "青石镇的春天来得早。" * 20 for number in range(400)]
    if kind == "jsonl":
        write_jsonl(tmp_path / "a.jsonl", texts)
    else:
        pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", row_group_size=20)
    monkeypatch.setattr(sample, "_BUDGET", 8000)
    monkeypatch.setattr(sample, "_LEAST_PER_FILE", 8000)
    numbers = sorted(int(each.text[1 : each.text.index("篇")]) for each in draw(files_in(tmp_path).files, 400, LIMIT))
    assert len(numbers) < 100
    assert numbers[0] < 30
    assert numbers[-1] > 340


def test_a_preview_drops_what_a_run_drops(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", TEXTS)
    spec = CorpusSpec()
    drawn = draw(files_in(tmp_path).files, 1000, LIMIT)
    found = preview(drawn, spec)
    for each in found.measured:
        (cleaned,) = clean_texts(Codes.of([each.drawn.text]), [each.drawn.source], Cleaning(spec))
        assert each.reason == cleaned.verdict.rule
        if each.reason:
            assert each.values[each.reason] == cleaned.verdict.value
    lines = found.rules()
    assert [line.name for line in lines] == [rule.name for rule in RULES]
    assert found.kept + sum(line.first for line in lines) == len(drawn)
    for line, rule in zip(lines, RULES, strict=True):
        assert line.dropped >= max(line.first, 1)
        assert line.looser is not None
        assert line.stricter is not None
        assert line.looser.dropped <= line.dropped <= line.stricter.dropped
        assert sum(source.dropped for source in found.sources(rule)) == line.dropped
        assert len(found.dropped_by(rule, 1000)) == line.dropped
        assert len(found.just_kept(rule, 1000)) == len(drawn) - line.dropped


def test_a_rule_that_is_off_drops_nothing_and_is_measured(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", TEXTS)
    found = preview(draw(files_in(tmp_path).files, 50, LIMIT), CorpusSpec(rules=RulesSpec(length=None)))
    line = found.rules()[0]
    assert (line.threshold, line.dropped, line.first, line.looser) == (None, 0, 0, None)
    assert line.percentiles[0] > 0


def test_lines_that_recur_are_learned_from_the_sample(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [f"青石村志频道\n{text}" for text in GOOD.values()] * 2)
    spec = CorpusSpec(recurring_documents=5)
    found = preview(draw(files_in(tmp_path).files, 50, LIMIT), spec)
    assert all("青石村志频道" not in each.text and each.lines_removed == 1 for each in found.measured)
