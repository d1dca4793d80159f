"""Reading: formats, encodings, compression, and every kind of bad record with its file and position. No Ray here."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cluster.errors import InputError, StorageError
from tests.unprivileged import reachable_folder, unprivileged
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.lines import read_line_blocks
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.read import document_id, read_piece
from workloads.corpus.reading.spec import InputSpec

TEXTS = ["立春过后，木匠陈师傅打开铺子。", "王婶端来一碗豆浆，说要打一对箱子。", "他说：“料不能将就。”"]


def lines(texts: list[str], encoding: str = "utf-8") -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode(encoding)


def read(path: Path, limit: int = 1 << 20, **options: Any) -> tuple[list[dict[str, Any]], list[tuple[str, int, str]]]:
    """(documents, bad records as file, position, reason) of everything below `path`."""
    rows: list[dict[str, Any]] = []
    for index, file in enumerate(find_files(((InputSpec(path="x", **options), str(path)),)).files):
        for table in read_piece(Piece(file, index), Limits(limit)):
            rows += table.to_pylist()
    good = [row for row in rows if not row["problem"]]
    return good, [(row["file"], row["position"], row["problem"]) for row in rows if row["problem"]]


def plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    ("ending", "pack"), [("", plain), (".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_jsonl_in_every_encoding_and_compression(
    tmp_path: Path, encoding: str, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / f"village.jsonl{ending}").write_bytes(pack(lines(TEXTS, encoding)))
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == TEXTS
    assert [row["position"] for row in good] == [1, 2, 3]
    assert {row["source"] for row in good} == {"village"}
    assert bad == []


def test_concatenated_frames_and_members(tmp_path: Path) -> None:
    halves = [lines(TEXTS[:2]), lines(TEXTS[2:])]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(map(gzip.compress, halves)))
    (tmp_path / "b.jsonl.zst").write_bytes(b"".join(zstandard.ZstdCompressor().compress(half) for half in halves))
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == TEXTS * 2
    assert bad == []


def test_txt_is_one_document_and_its_folder_the_source(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_bytes("\r\n".join(TEXTS).encode("gb18030"))
    (tmp_path / "letters" / "two.txt.gz").write_bytes(gzip.compress(TEXTS[0].encode()))
    good, bad = read(tmp_path)
    assert [(row["file"], row["position"], row["source"]) for row in good] == [
        ("letters/one.txt", 1, "letters"),
        ("letters/two.txt.gz", 1, "letters"),
    ]
    assert good[0]["text"] == "\n".join(TEXTS)
    assert bad == []


def test_txt_divided_by_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text(f"\n\n{TEXTS[0]}\n{TEXTS[1]}\n\n \n{TEXTS[2]}\n\n" + "长" * 400, encoding="utf-8")
    good, bad = read(tmp_path, limit=1000, txt_documents="blank_lines")
    assert [(row["position"], row["text"]) for row in good] == [(3, f"{TEXTS[0]}\n{TEXTS[1]}"), (7, TEXTS[2])]
    assert bad == [("big.txt", 9, "line too long")]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"content": [TEXTS[0], None, TEXTS[1]], "origin": ["志", "志", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    good, bad = read(tmp_path, text_field="content", source_field="origin")
    assert [(row["position"], row["text"], row["source"]) for row in good] == [(1, TEXTS[0], "志"), (3, TEXTS[1], "a")]
    assert bad == [("a.parquet", 2, "text is no string")]


def test_large_and_dictionary_strings_of_parquet(tmp_path: Path) -> None:
    columns = {"text": pa.array(TEXTS, pa.large_string()), "source": pa.array(["甲", "甲", "乙"]).dictionary_encode()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    good, _ = read(tmp_path)
    assert [(row["text"], row["source"]) for row in good] == list(zip(TEXTS, ["甲", "甲", "乙"], strict=True))


def test_the_source_of_the_recipe_stands_above_the_records_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "好", "source": "record"}\n{"text": "好", "source": 7}\n', encoding="utf-8")
    assert [row["source"] for row in read(tmp_path)[0]] == ["record", "a"]
    assert [row["source"] for row in read(tmp_path, source="recipe")[0]] == ["recipe", "recipe"]


def test_the_id_is_of_source_and_text_as_read() -> None:
    assert document_id("志", "春") == document_id("志", "春")
    assert len({document_id("志", "春"), document_id("志", "春 "), document_id("志春", ""), document_id("", "志春")}) == 4
    assert len(document_id("志", "半个\ud83d字")) == 20


def test_every_kind_of_bad_line(tmp_path: Path) -> None:
    bad_lines = [
        b'{"text": "\xe6\x98\xa5\xff\xfe"}',
        b"{not json",
        '{"title": "无正文"}'.encode(),
        b'{"text": 7}',
        b'{"text": null}',
        b'["text"]',
        b'{"text": "' + b"a" * 2000 + b'"}',
        b"[" * 100_000,
    ]
    good_line = lines(TEXTS[:1])
    (tmp_path / "a.jsonl").write_bytes(good_line + b"\n".join(bad_lines[:7]) + b"\n\n  \n" + good_line + bad_lines[7])
    good, bad = read(tmp_path, limit=1500)
    assert [row["position"] for row in good] == [1, 11]
    assert [(position, reason) for _, position, reason in bad] == [
        (2, "invalid bytes"),
        (3, "not JSON"),
        (4, "no text field"),
        (5, "text is no string"),
        (6, "text is no string"),
        (7, "no text field"),
        (8, "line too long"),
        (12, "line too long"),
    ]
    assert read(tmp_path, limit=1 << 20)[1][-1] == ("a.jsonl", 12, "not JSON")


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zstandard.ZstdCompressor().compress)])
def test_cut_short_data_keeps_what_was_readable(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    many = [f"{number}号：{chr(0x4E00 + number * 7 % 20000)}{chr(0x4E00 + number * 131 % 20000)}。" for number in range(40_000)]
    data = pack(lines(many))
    (tmp_path / f"cut.jsonl.{ending}").write_bytes(data[: len(data) // 2])
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == many[: len(good)]
    assert 10_000 < len(good) < 30_000
    assert bad == [(f"cut.jsonl.{ending}", len(good) + 1, "compressed data damaged")]


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_data_that_is_not_compressed_at_all(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.jsonl.{ending}").write_bytes(lines(TEXTS))
    assert read(tmp_path) == ([], [(f"a.jsonl.{ending}", 1, "compressed data damaged")])


def test_files_that_hold_nothing_of_use(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\n\n"))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no parquet")
    pq.write_table(pa.table({"body": TEXTS}), tmp_path / "d.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "e.parquet")
    (tmp_path / "f.txt").write_bytes(b"\xff\xff\xff\xff")
    assert read(tmp_path) == (
        [],
        [
            ("a.jsonl", 0, "empty file"),
            ("b.jsonl.gz", 0, "empty file"),
            ("c.parquet", 1, "unreadable parquet"),
            ("d.parquet", 0, "no text column"),
            ("e.parquet", 0, "no text column"),
            ("f.txt", 1, "invalid bytes"),
        ],
    )


def test_a_line_of_200_megabytes_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    good_line = lines(TEXTS[:1])
    with (tmp_path / "huge.jsonl").open("wb") as file:
        file.write(good_line)
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + good_line)
    tracemalloc.start()
    try:
        good, bad = read(tmp_path, limit=4 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [row["position"] for row in good] == [1, 3]
    assert bad == [("huge.jsonl", 2, "line too long")]
    assert peak < 32 << 20


class Chunks:
    """A stream that gives its bytes in pieces of a fixed size."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    def read(self, size: int = -1, /) -> bytes:
        taken, self.data = self.data[: self.size], self.data[self.size :]
        return taken


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"ab\ncd", b"ab\n\ncd\n", b"abcdefgh\nab\nabcdefgh", b"abcde\nabcdef\n"])
def test_lines_do_not_depend_on_the_blocks(data: bytes, size: int) -> None:
    whole = data.split(b"\n")
    whole = whole[:-1] if whole[-1] == b"" else whole
    found = chain.from_iterable(read_line_blocks(Chunks(data, size), limit=5))
    assert list(found) == [line if len(line) <= 5 else None for line in whole]


def test_what_is_found_in_folders_and_by_globs(tmp_path: Path) -> None:
    for name in ("a.jsonl", "deep/b.JSONL.GZ", "deep/c.txt", "deep/er/d.parquet", "notes.rst", ".hidden.jsonl", "_tmp/x.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_files(((InputSpec(path="x"), str(tmp_path)),))
    assert [file.name for file in found.files] == ["a.jsonl", "deep/b.JSONL.GZ", "deep/c.txt", "deep/er/d.parquet"]
    assert found.ignored == ("notes.rst",)

    def glob(pattern: str) -> list[str]:
        return [file.name for file in find_files(((InputSpec(path="x"), f"{tmp_path}/{pattern}"),)).files]

    assert glob("*.jsonl") == ["a.jsonl"]
    assert glob("deep/*") == ["b.JSONL.GZ", "c.txt"]
    assert glob("**/*.[jt]*") == ["a.jsonl", "deep/c.txt"]
    assert glob("d*/**") == ["deep/b.JSONL.GZ", "deep/c.txt", "deep/er/d.parquet"]


def test_equal_names_of_two_inputs_are_told_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").write_bytes(lines(TEXTS))
    inputs = tuple((InputSpec(path=folder), str(tmp_path / folder)) for folder in ("one", "two"))
    assert [file.name for file in find_files(inputs).files] == ["one/a.jsonl", "two/a.jsonl"]
    assert find_files(inputs[::-1]) == find_files(inputs)  # whatever the order in which they are named


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "no file or folder at .*missing"),
        ("empty", "nothing to read in the folder .*empty"),
        ("only", r"nothing to read in the folder .*passed over: readme\.rst.*allowed are \.jsonl"),
        ("only/readme.rst", "cannot tell the format of .*readme.rst"),
        ("*.jsonl", r"no file matches .*\*\.jsonl"),
    ],
)
def test_places_that_hold_nothing_to_read(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "readme.rst").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_files(((InputSpec(path=name), str(tmp_path / name)),))


def test_a_file_that_may_not_be_read_is_one_line() -> None:
    with reachable_folder() as folder, unprivileged():
        (folder / "a.jsonl").write_bytes(lines(TEXTS))
        (folder / "a.jsonl").chmod(0)
        with pytest.raises(StorageError, match=r"no permission while reading .*a\.jsonl; change the owner") as caught:
            find_files(((InputSpec(path="x"), str(folder)),)).fingerprint()
    assert "\n" not in str(caught.value)


def test_a_glob_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot understand the glob \[z-a\]\.jsonl"):
        find_files(((InputSpec(path="x"), f"{tmp_path}/[z-a].jsonl"),))
