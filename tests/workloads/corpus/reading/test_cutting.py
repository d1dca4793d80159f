"""One large file is many tasks, and which records there are does not depend on how many."""

import random
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cluster.session import Session
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits
from workloads.corpus.reading.plan import plan
from workloads.corpus.reading.read import read_piece
from workloads.corpus.reading.spec import InputSpec

pytestmark = pytest.mark.usefixtures("ray_session")

Rows = list[tuple[Any, ...]]


def rows_of(path: Path, split_bytes: int, **options: Any) -> tuple[Rows, int]:
    """Every row without its number and what is no number, in order; and how many pieces were read."""
    tasks = plan(find_files(((InputSpec(path="x", **options), str(path)),)).files, split_bytes)
    pieces = [piece for task in tasks for piece in task]
    table = pa.concat_tables([table for piece in pieces for table in read_piece(piece, Limits(5000))]).sort_by("row")
    assert len(set(table["row"].to_pylist())) == table.num_rows
    return list(zip(*table.drop_columns(["row", "date", "score"]).to_pydict().values(), strict=True)), len(pieces)


def texts(count: int) -> list[str]:
    rng = random.Random(count)
    return ["".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(rng.randrange(5, 90))) for _ in range(count)]


TEXT = [(ending, encoding) for ending in ("jsonl", "txt", "csv") for encoding in ("utf-8", "gb18030", "utf-8-sig", "utf-16")]


@pytest.mark.parametrize(("ending", "encoding"), [*TEXT, ("parquet", ""), ("arrow", ""), ("arrows", "")])
def test_parts_hold_what_the_whole_holds(
    ending: str, encoding: str, makers: dict[str, Any], tmp_path: Path, ray_session: Session
) -> None:
    data = makers[ending](texts(400))
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data.decode().encode(encoding) if encoding else data)
    whole, one = rows_of(path, 1 << 30)
    parts, many = rows_of(path, 4000)
    assert one == 1
    assert parts == whole
    cut = ending in ("jsonl", "parquet", "arrow") and encoding != "utf-16"
    assert many > 5 if cut else many == 1  # a csv value may hold newlines, a stream has no list of its batches


@pytest.mark.parametrize("size", [300, 1111, 4000, 20_000])
def test_txt_is_cut_at_blank_lines(size: int, tmp_path: Path, ray_session: Session) -> None:
    rng = random.Random(size)
    blocks = ["\n".join(texts(rng.randrange(1, 6))) for _ in range(60)]
    blocks.insert(20, "长" * 3000)  # longer than a part, and than the limit
    text = "\n" + "".join(block + rng.choice(["\n\n", "\n \t\n", "\n\n\n\r\n\n"]) for block in blocks)
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8", newline="")
    whole, one = rows_of(path, 1 << 30, txt_documents="blank_lines")
    parts, many = rows_of(path, size, txt_documents="blank_lines")
    assert (one, len(whole)) == (1, 61)
    assert parts == whole
    assert many > 1


def test_a_zip_archive_is_read_by_several_tasks(makers: dict[str, Any], tmp_path: Path, ray_session: Session) -> None:
    members = {f"d{n % 3}/{n}.jsonl": makers["jsonl"](texts(n + 1)) for n in range(30)}
    members["d0/bad.txt"] = b"\xff\xff\xff"
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    whole, one = rows_of(path, 1 << 30)
    parts, many = rows_of(path, 2000)
    assert one == 1
    assert parts == whole
    assert many > 5
