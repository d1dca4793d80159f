"""Items of evaluation sets from the forms in which they are published."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import InputError
from workloads.corpus.decontamination.items import Item, find_sets, fingerprint, read_items
from workloads.corpus.decontamination.spec import EvaluationSetSpec

FIELDS = ("question", "A", "B")
RECORD = {"id": "1", "question": "石桥在哪里？", "A": "镇东", "B": "镇西", "answer": "A"}


def items(path: Path, *fields: str) -> list[Item]:
    return read_items(find_sets([(EvaluationSetSpec(path="x", name="exam", fields=fields), str(path))]))


def write(folder: Path, name: str) -> Path:
    path = folder / name
    line = json.dumps(RECORD, ensure_ascii=False)
    content = {
        "a.csv": "id,question,A,B,answer\n1,石桥在哪里？,镇东,镇西,A\n",
        "a.tsv": "question\tA\tB\n石桥在哪里？\t镇东\t镇西\n",
        "a.jsonl": f"{line}\n\n",
        "a.json": json.dumps([RECORD], ensure_ascii=False),
    }
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist([RECORD]), path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(content[name.removesuffix(".gz")].encode()))
    else:
        path.write_text(content[name], encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.jsonl.gz", "a.csv.gz"])
def test_every_form_gives_the_same_item(tmp_path: Path, name: str) -> None:
    assert items(write(tmp_path, name), *FIELDS) == [Item("exam", f"{name}#1", ("石桥在哪里？", "镇东", "镇西"))]


def test_without_fields_all_chinese_is_the_item(tmp_path: Path) -> None:
    (item,) = items(write(tmp_path, "a.jsonl"))
    assert item.parts == ("石桥在哪里？", "镇东", "镇西")


def test_fields_are_found_at_any_depth(tmp_path: Path) -> None:
    whole = {"data": [{"paragraphs": [{"context": "一篇短文", "qas": [{"question": "问什么？"}]}]}]}
    (tmp_path / "nested.json").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    assert [item.parts for item in items(tmp_path / "nested.json", "context", "question")] == [("一篇短文",), ("问什么？",)]


def test_a_folder_is_one_set_and_its_fingerprint_follows_its_content(tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    (tmp_path / "README").write_text("no item")
    files = find_sets([(EvaluationSetSpec(path="x"), str(tmp_path))])
    assert [file.name for file in files] == ["a.csv"]
    before = fingerprint(files)
    (tmp_path / "a.csv").write_text("question\n另一个问题是什么？\n", encoding="utf-8")
    assert fingerprint(find_sets([(EvaluationSetSpec(path="x"), str(tmp_path))])) != before


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"question": "cut', "cannot be read"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
        ("a.csv", "题\n".encode("gb18030"), "cannot be read"),
        ("a.json", b"[]", "holds no item"),
    ],
)
def test_a_bad_set_is_one_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        items(tmp_path / name, *FIELDS)


def test_a_folder_without_a_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no evaluation set"):
        items(tmp_path, *FIELDS)
