"""One small demo corpus for all tests of it, and a plain reader of its files that shares no code with the writer."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from workloads.corpus.demo import DemoTruth, write_demo_corpus

DOCUMENTS = 600


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoTruth:
    return write_demo_corpus(tmp_path_factory.mktemp("demo"), seed=3, documents=DOCUMENTS)


@pytest.fixture(scope="session")
def raw_lines(demo: DemoTruth) -> dict[tuple[str, int], bytes]:
    """Every record as bytes, by file and position: a line, a parquet row's text in UTF-8, or a whole text file."""
    found: dict[tuple[str, int], bytes] = {}
    for path in sorted(demo.raw.rglob("*")):
        if path.is_file():
            name = path.relative_to(demo.raw).as_posix()
            found |= {(name, position): data for position, data in enumerate(_records(path), 1)}
    return found


def _records(path: Path) -> list[bytes]:
    if path.suffix == ".txt":
        return [path.read_bytes()]
    if path.suffix == ".parquet":
        return [text.encode() for text in pq.read_table(path).column("text").to_pylist()]
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    return data.removesuffix(b"\n").split(b"\n")


@pytest.fixture(scope="session")
def texts(raw_lines: dict[tuple[str, int], bytes]) -> dict[tuple[str, int], str]:
    """The text of every record that is sound JSON, parquet or text in UTF-8 or GB18030."""
    found = {}
    for (name, position), data in raw_lines.items():
        try:
            decoded = data.decode()
        except UnicodeDecodeError:
            try:
                decoded = data.decode("gb18030")
            except UnicodeDecodeError:
                continue
        if ".jsonl" in name:
            try:
                decoded = json.loads(decoded)["text"]
            except ValueError:
                continue
        found[name, position] = decoded
    return found
