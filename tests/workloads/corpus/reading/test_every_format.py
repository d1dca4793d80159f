"""What holds for every format: its text comes out, and no damage, size or packing ends a run or passes unseen."""

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import zstandard

from workloads.corpus.reading.piece import Limits
from workloads.corpus.reading.registry import FORMATS
from workloads.corpus.reading.spec import FormatName

Read = Callable[..., Any]
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def joined(rows: list[dict[str, Any]]) -> str:
    return "\n".join(row["text"] for row in rows)


def test_every_format_is_tried_here(makers: dict[str, Any]) -> None:
    assert {name for name in FORMATS if not set(FORMATS[name].endings) & set(makers)} == set()


def test_a_recipe_can_name_every_format() -> None:
    assert set(get_args(FormatName)) == {"auto", "urls", *FORMATS}


def test_the_text_comes_out(ending: str, made: bytes, texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    (tmp_path / f"a.{ending}").write_bytes(made)
    good, bad = read(tmp_path)
    assert bad == []
    assert [text in joined(good) for text in texts] == [True] * 3


@pytest.mark.parametrize("packing", PACKERS)
def test_packed(ending: str, made: bytes, packing: str, texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    (tmp_path / f"a.{ending}.{packing}").write_bytes(PACKERS[packing](made))
    good, bad = read(tmp_path)
    assert bad == []
    assert texts[2] in joined(good)


def test_an_empty_file_is_told(ending: str, tmp_path: Path, read: Read) -> None:
    (tmp_path / f"a.{ending}").write_bytes(b"")
    good, bad = read(tmp_path)
    assert good == []
    assert [(file, position <= 1) for file, position, _ in bad] == [(f"a.{ending}", True)]


def test_a_cut_file_is_told(ending: str, made: bytes, tmp_path: Path, read: Read) -> None:
    """Text without an end mark of its own has none to miss, but a character that is cut."""
    at = next(at for at in range(len(made) * 2 // 3, len(made)) if made[at] & 0xC0 == 0x80 or ending == "pdf")
    (tmp_path / f"a.{ending}").write_bytes(made[:at])
    good, bad = read(tmp_path)
    assert bad or (ending == "html" and "\ufffd" in joined(good))  # what a page lost is seen in its text


@pytest.mark.parametrize("packing", PACKERS)
def test_cut_packed_data_is_told(ending: str, made: bytes, packing: str, tmp_path: Path, read: Read) -> None:
    data = PACKERS[packing](made)
    (tmp_path / f"a.{ending}.{packing}").write_bytes(data[: len(data) // 2])
    _, bad = read(tmp_path)
    assert bad


def test_no_damage_ends_a_run(ending: str, made: bytes, tmp_path: Path, read: Read) -> None:
    rng = random.Random(ending)
    for number in range(30):
        data = bytearray(made)
        for _ in range(1 + number):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / f"{number}.{ending}").write_bytes(data)
    good, bad = read(tmp_path)
    assert {row["file"] for row in good} | {file for file, _, _ in bad} == {f"{number}.{ending}" for number in range(30)}


def test_noise_is_told(ending: str, tmp_path: Path, read: Read) -> None:
    (tmp_path / f"a.{ending}").write_bytes(random.Random(1).randbytes(5000))
    _, bad = read(tmp_path)
    assert bad or ending == "html"  # anything is a page


BEGINS = {
    "jsonl": b'{"text": "',
    "json": b'[{"text": "',
    "csv": b"id,text\n1,",
    "tsv": b"id\ttext\n1\t",
    "warc": b"WARC/1.0\r\n",
}


def test_200_megabytes_without_a_newline_stay_out_of_memory(ending: str, tmp_path: Path, read: Read) -> None:
    begin = BEGINS.get(ending, b"")
    packer = zstandard.ZstdCompressor().compressobj()
    data = packer.compress(begin) + b"".join(packer.compress(b"x" * (1 << 20)) for _ in range(200)) + packer.flush()
    (tmp_path / f"a.{ending}.zst").write_bytes(data)
    tracemalloc.start()
    try:
        good, bad = read(tmp_path, Limits(2 << 20, 4 << 20, 4 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert good == []
    assert bad
    assert peak < 48 << 20
