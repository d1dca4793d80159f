"""The raw files: which record goes where, in which format and encoding. Equal records give equal bytes."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from workloads.corpus.demo.noise import CLEAN, Record

Format = Literal["jsonl", "jsonl.gz", "jsonl.zst", "parquet", "txt"]
TEXT_FOLDER = "日记"
"""Text files, one document each, in a folder named after their source, since a text file cannot name it itself."""

_TEXT_SHARE = 0.2  # of that source's clean documents: many small files are slow to read
_TEXT_FILES = 150


@dataclass(frozen=True)
class Placed:
    """A record and where it lies: `file` below the raw folder, `position` (line or row from 1; 1 in a text file)."""

    record: Record
    file: str
    position: int


@dataclass(frozen=True)
class _File:
    name: str
    format: Format
    encoding: Literal["utf-8", "gb18030"] = "utf-8"


_FILES = (
    (("问答",), _File("questions.jsonl.gz", "jsonl.gz")),
    (("村志",), _File("chronicle.jsonl.zst", "jsonl.zst")),
    (("故事", "描写"), _File("stories.parquet", "parquet")),
    (("对话", "算术"), _File("school.jsonl", "jsonl")),
    (("书信",), _File("letters.jsonl", "jsonl", "gb18030")),
    (("日记", "新闻"), _File("news.jsonl.gz", "jsonl.gz", "gb18030")),
)
_MIRROR = _File("mirror.jsonl", "jsonl")  # half of the copies lie here, as a second site would hold them


def is_gb18030(file: str) -> bool:
    """Whether a file, by its name below the raw folder, is written in GB18030."""
    if file.startswith(f"{TEXT_FOLDER}/"):
        return int(Path(file).stem) % 3 == 0
    return any(file == one.name and one.encoding == "gb18030" for _, one in _FILES)


def write_files(raw: Path, records: Sequence[Record], rng: random.Random) -> list[Placed]:
    """Write all files below `raw`; returns where each record lies, in the records' order."""
    by_file: dict[_File, list[int]] = {}
    placed: dict[int, Placed] = {}
    texts = 0
    for number, record in enumerate(records):
        if record.kind == CLEAN and record.source == TEXT_FOLDER and texts < _TEXT_FILES and rng.random() < _TEXT_SHARE:
            texts += 1
            placed[number] = Placed(record, f"{TEXT_FOLDER}/{texts:04d}.txt", 1)
            _write_text(raw, f"{TEXT_FOLDER}/{texts:04d}.txt", record.text)
        else:
            by_file.setdefault(_file_for(record, rng), []).append(number)
    for file, numbers in sorted(by_file.items(), key=lambda item: item[0].name):
        rng.shuffle(numbers)
        for position, number in enumerate(numbers, 1):
            placed[number] = Placed(records[number], file.name, position)
        _write(raw / file.name, file, [records[number] for number in numbers])
    return [placed[number] for number in range(len(records))]


def _file_for(record: Record, rng: random.Random) -> _File:
    if record.line is not None:
        return rng.choice([file for _, file in _FILES if file.encoding == "utf-8" and file.format != "parquet"])
    if record.origin >= 0 and rng.random() < 0.5:
        return _MIRROR
    for sources, file in _FILES:
        if record.source in sources:
            return file
    return rng.choice([file for _, file in _FILES])


def _write_text(raw: Path, name: str, text: str) -> None:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    (raw / name).write_bytes(text.encode("gb18030" if is_gb18030(name) else "utf-8"))


def _write(path: Path, file: _File, records: Sequence[Record]) -> None:
    if file.format == "parquet":
        table = pa.table({"text": [record.text for record in records], "source": [record.source for record in records]})
        pq.write_table(table, path, compression="zstd")
        return
    data = b"".join(_line(record, file.encoding) + b"\n" for record in records)
    if file.format == "jsonl.gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)
    elif file.format == "jsonl.zst":
        data = zstandard.compress(data, level=6)
    path.write_bytes(data)


def _line(record: Record, encoding: str) -> bytes:
    if record.line is not None:
        return record.line
    return json.dumps({"text": record.text, "source": record.source}, ensure_ascii=False).encode(encoding)
