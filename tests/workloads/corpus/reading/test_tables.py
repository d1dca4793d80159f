"""Tables and JSON in their many shapes, and every kind of bad row."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from workloads.corpus.reading.piece import Limits

Read = Callable[..., Any]


def test_csv_values_with_newlines_quotes_and_commas(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.csv").write_text('source,text\n甲,"第一行\n第二行，""引"" , 完"\n乙,春\n\n', encoding="utf-8")
    good, bad = read(tmp_path)
    assert [(row["position"], row["source"], row["text"]) for row in good] == [
        (3, "甲", '第一行\n第二行，"引" , 完'),
        (4, "乙", "春"),
    ]
    assert bad == []


def test_bad_rows_of_csv(tmp_path: Path, read: Read) -> None:
    lines = ["text,id", "春,1", "夏", "秋,3,多", "坏,4".encode("gb18030"), "长" * 2000 + ",5", "冬,6"]
    (tmp_path / "a.csv").write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    good, bad = read(tmp_path, Limits(3000))
    assert [(row["position"], row["text"]) for row in good] == [(2, "春"), (7, "冬")]
    assert [(position, reason) for _, position, reason in bad] == [
        (3, "fewer values than columns"),
        (4, "more values than columns"),
        (5, "invalid bytes"),
        (6, "line too long"),
    ]


def test_a_quote_that_is_never_closed_ends_at_the_limit(tmp_path: Path, read: Read) -> None:
    rows = "".join(f"春天第{number}行,1\n" for number in range(2000))
    (tmp_path / "a.csv").write_text(f'text,id\n"开了没关,0\n{rows}', encoding="utf-8")
    good, bad = read(tmp_path, Limits(5000))
    assert "unreadable row" in {reason for _, _, reason in bad}
    assert len(good) > 1000


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "arrow", "arrows"])
def test_a_column_that_is_not_there(ending: str, makers: dict[str, Any], tmp_path: Path, read: Read) -> None:
    (tmp_path / f"a.{ending}").write_bytes(makers[ending](["春"]))
    assert read(tmp_path, text_field="content") == ([], [(f"a.{ending}", 0, "no text column")])


RECORDS = [
    {"text": "春", "source": "甲"},
    {"text": "夏\ud83d"},
    {"text": 3},
    ["text"],
    {"body": "x"},
    {"text": "冬", "n": 1e400},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_json_arrays(indent: int | None, tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORDS, indent=indent), encoding="utf-8")
    good, bad = read(tmp_path)
    assert [(row["position"], row["text"], row["source"]) for row in good] == [(1, "春", "甲"), (2, "夏", "a"), (6, "冬", "a")]
    assert [(position, reason) for _, position, reason in bad] == [
        (3, "text is no string"),
        (4, "no text field"),
        (5, "no text field"),
    ]


@pytest.mark.parametrize(
    "text", ['{"text": "春"}', '{\n "text": "春"\n}', '\ufeff[{"text":\n"春"}]', '{"text": "春"}{"text": "春"}']
)
def test_json_objects(text: str, tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    good, bad = read(tmp_path)
    if text.count("{") == 1:
        assert [row["text"] for row in good] == ["春"]
        assert bad == []
    else:
        assert bad == [("a.json", 1, "not JSON")]  # two on one line are none of the shapes


def test_pretty_printed_objects_one_after_the_other(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.json").write_text(
        "".join(json.dumps({"text": text}, indent=1) + "\n" for text in "春夏秋"), encoding="utf-8"
    )
    good, bad = read(tmp_path)
    assert [(row["position"], row["text"]) for row in good] == [(1, "春"), (2, "夏"), (3, "秋")]
    assert bad == []


def test_a_long_json_array_does_not_depend_on_the_window(tmp_path: Path, read: Read) -> None:
    texts = [f"{number}" + "春" * (number * 37 % 40_000) for number in range(150)]
    (tmp_path / "a.json").write_text(json.dumps([{"text": text} for text in texts], ensure_ascii=False), encoding="utf-8")
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == texts
    assert bad == []


def test_an_array_that_breaks_off_keeps_what_came_before(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.json").write_text('[{"text": "春"}, {"text": "夏"}, {"text": "秋', encoding="utf-8")
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["春", "夏"]
    assert bad == [("a.json", 3, "not JSON")]


def test_what_orjson_refuses_is_read_all_the_same(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "半\\ud83d个", "n": NaN}\n{"text": "大", "n": 1e999}\n', encoding="utf-8")
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["半个", "大"]
    assert bad == []


def test_string_views_and_dictionaries_of_arrow(tmp_path: Path, read: Read) -> None:
    table = pa.table(
        {"text": pa.array(["春", None, "夏"]).dictionary_encode(), "source": pa.array(["甲", None, "乙"], pa.string_view())}
    )
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    good, bad = read(tmp_path)
    assert [(row["position"], row["text"], row["source"]) for row in good] == [(1, "春", "甲"), (3, "夏", "乙")]
    assert bad == [("a.arrow", 2, "text is no string")]
