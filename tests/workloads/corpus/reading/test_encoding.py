"""Telling encodings, measured on text made here; on 47,553 samples of real text see benchmarks/encoding.py."""

import codecs
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workloads.corpus.reading.encoding import BIG5, GB18030, UTF8, UTF16_BE, UTF16_LE, AsUtf8, detect
from workloads.corpus.reading.source import Source

SIMPLIFIED = (
    "立春那天，城南的老木匠陈师傅照例起了个大早，把铺子门前的雪扫得干干净净。",
    "第一条　为了规范木作坊的经营活动，保障消费者的合法权益，制定本办法。",
    "下载进入页面。如果你想让 Flink 与 Hadoop 交互，请选择一个匹配的版本：`./bin/start-local.sh`。",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "联通",
    "中文",
)
TRADITIONAL = (
    "立春那天，城南的老木匠陳師傅照例起了個大早，把鋪子門前的雪掃得乾乾淨淨。",
    "第一條　為了規範木作坊的經營活動，保障消費者的合法權益，制定本辦法。",
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。",
    "臺灣電腦軟體產業的發展與香港不同。",
)
ENCODINGS = [(UTF8, SIMPLIFIED), (GB18030, SIMPLIFIED), (UTF16_LE, SIMPLIFIED), (UTF16_BE, SIMPLIFIED)]
ENCODINGS += [
    (UTF8, TRADITIONAL),
    (GB18030, TRADITIONAL),
    (BIG5, TRADITIONAL),
    (UTF16_LE, TRADITIONAL),
    (UTF16_BE, TRADITIONAL),
]


@pytest.mark.parametrize(("encoding", "texts"), ENCODINGS)
def test_short_and_long_text(encoding: str, texts: tuple[str, ...]) -> None:
    wrong = [text for text in texts for many in (1, 50) if detect((text + "\n").encode(encoding) * many) != encoding]
    assert wrong == []


@pytest.mark.parametrize(("encoding", "texts"), ENCODINGS)
def test_pieces_of_eight_characters(encoding: str, texts: tuple[str, ...]) -> None:
    pieces = [text[at : at + 8] for text in texts for at in range(max(1, len(text) - 8))]
    pieces = [piece for piece in pieces if sum("\u4e00" <= sign <= "\u9fff" for sign in piece) >= 4]
    right = sum(piece.encode(encoding).decode(detect(piece.encode(encoding)), "replace") == piece for piece in pieces)
    assert right / len(pieces) >= 0.98


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_marks_are_believed(mark: bytes) -> None:
    assert detect(mark + b"x") == {3: UTF8}.get(len(mark), UTF16_LE if mark[0] == 0xFF else UTF16_BE)


def test_some_bad_lines_change_nothing() -> None:
    line = SIMPLIFIED[0].encode() + b"\n"
    assert detect(line * 3 + b"\xff\xfe\n" + b'{"text": "a\0b"}\n' + line * 3) == UTF8
    assert detect((SIMPLIFIED[0].encode("gb18030") + b"\n") * 3 + line) == GB18030


def test_a_sample_may_be_cut_anywhere() -> None:
    data = SIMPLIFIED[0].encode("gb18030") * 9
    assert {detect(data[:size]) for size in range(40, 90)} == {GB18030}
    assert {detect((SIMPLIFIED[0] * 9).encode()[:size]) for size in range(40, 90)} == {UTF8}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "big5hkscs", "gb18030", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["txt", "jsonl", "json", "csv", "md"])
def test_files_of_every_format_of_text(
    encoding: str, ending: str, makers: dict[str, Any], tmp_path: Path, read: Callable[..., Any]
) -> None:
    made = makers[ending](TRADITIONAL).decode()
    (tmp_path / f"a.{ending}").write_bytes(made.encode(encoding))
    good, bad = read(tmp_path)
    assert bad == []
    assert "\n".join(row["text"] for row in good) == "\n".join(text.replace("　", "") for text in TRADITIONAL)


def test_half_a_pair_of_utf16_spoils_its_line_alone(tmp_path: Path, read: Callable[..., Any]) -> None:
    lines = [f'{{"text": "{text}"}}' for text in (SIMPLIFIED[0], "坏\ud83d", SIMPLIFIED[1])]
    (tmp_path / "a.jsonl").write_bytes("\n".join(lines).encode("utf-16-le", "surrogatepass"))
    good, bad = read(tmp_path)
    assert [row["position"] for row in good] == [1, 3]
    assert bad == [("a.jsonl", 2, "invalid bytes")]


class _Chunks:
    def __init__(self, data: bytes, rng: random.Random) -> None:
        self.data, self.rng = data, rng

    def read(self, size: int = -1, /) -> bytes:
        take = self.rng.randrange(1, 7)
        taken, self.data = self.data[:take], self.data[take:]
        return taken


def test_utf16_does_not_depend_on_the_blocks() -> None:
    text = "\ufeff汉字𠮷😀a\nb"
    for seed in range(20):
        stream = AsUtf8(_Chunks(text.encode("utf-16-le"), random.Random(seed)), UTF16_LE)
        assert Source(stream).whole(1000).decode() == text[1:]
