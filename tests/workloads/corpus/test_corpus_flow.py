"""One pass over the text gives what two give; blocks and slices have the sizes that bound what a task holds."""

import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ray

from cluster.session import Session
from tests.workloads.corpus.dedup_texts import mixed, text_of, write
from workloads.corpus.blocks import Blocks, heads_of
from workloads.corpus.clean import Cleaning
from workloads.corpus.flow import block_bytes, clean_blocks, read_blocks, read_clean_blocks
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits
from workloads.corpus.reading.plan import plan
from workloads.corpus.reading.spec import InputSpec
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import slices


def joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).sort_by("row").combine_chunks()


def test_one_pass_gives_what_two_give(tmp_path: Path, ray_session: Session) -> None:
    write(
        tmp_path / "raw",
        "a.jsonl",
        mixed([{"text": text_of(number)} for number in range(50)] + [{"text": "短"}, {"no": "text"}]),
    )
    files = find_files(((InputSpec(path="raw"), str(tmp_path / "raw")),)).files
    cleaning = Cleaning(CorpusSpec.model_validate({"remove_boilerplate": False}))
    tasks = plan(files, 500_000)
    told: list[int] = []
    read = read_blocks(tasks, Limits(), told.append)
    two = clean_blocks(read, cleaning, told.append)
    one = read_clean_blocks(tasks, Limits(), cleaning, told.append)
    assert told[-1] == 92
    assert read == []
    for name in (each.name for each in dataclasses.fields(Blocks)):
        tables = [joined(ray.get(getattr(blocks, name))) for blocks in (one, two)]
        assert tables[0].num_rows == 92
        assert tables[0].drop_columns(["date", "score"]).equals(tables[1].drop_columns(["date", "score"]))


def test_heads_count_traditional_characters_of_what_stays() -> None:
    names = ["row", "characters"]
    block = pa.table(
        {
            **{name: [1, 2, 3] for name in names},
            **{name: [0.0, 0.0, 0.0] for name in ("value", "date", "score")},
            **{name: ["a", "b", "c"] for name in ("id", "source", "digest", "bands")},
            "problem": ["", "", "not JSON"],
            "rule": ["", "length", ""],
            "text": ["學書的", "學", "學"],
        }
    )
    heads = heads_of(block)
    assert heads["traditional"].to_pylist() == [2, 0, 0]
    assert "text" not in heads.schema.names


@pytest.mark.parametrize(
    ("total", "expected"),
    [(0, 2 << 20), (150 << 20, 150 << 15), (1 << 30, 16 << 20), (2 << 30, 16 << 20), (8 << 30, 64 << 20), (1 << 40, 64 << 20)],
)
def test_a_block_is_of_one_size_between_half_a_gigabyte_and_two(total: int, expected: int) -> None:
    assert block_bytes(total) == expected


def test_slices_are_neighbours_and_leave_nothing_out() -> None:
    table = pa.table({"text": ["一" * length for length in (5, 1, 30, 2, 2, 2, 9)]})
    cut = slices(table, 30)
    assert pa.concat_tables(cut).equals(table)
    assert len(cut) == 4
    assert all(sum(pc.binary_length(each["text"]).to_pylist()[1:]) < 30 for each in cut)
    assert [each.num_rows for each in slices(table.slice(0, 0), 30)] == [0]
