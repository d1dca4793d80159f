"""Texts and records for the tests of deduplication, and what comes out as plain rows."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.artifacts import Artifact
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.timings import FILES as TIMINGS


def text_of(seed: object, length: int = 200) -> str:
    """Random Han with marks: two of them share nothing."""
    rng = random.Random(str(seed))
    clauses = ["".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(9)) for _ in range(length // 10)]
    return "，".join(clauses) + "。"


def edited(text: str, changes: int) -> str:
    """With so many characters changed, far from one another."""
    step = len(text) // (changes + 1)
    for place in range(1, changes + 1):
        text = text[: place * step] + "改" + text[place * step + 1 :]
    return text


def write(folder: Path, name: str, records: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / name).write_text("".join(lines), encoding="utf-8")


def rows(artifact: Artifact, folder: str) -> list[dict[str, Any]]:
    parts = [pq.read_table(pa.BufferReader(artifact.read(entry.path))) for entry in artifact.entries(f"{folder}/")]
    return pa.concat_tables(parts).to_pylist()  # type: ignore[no-any-return]


def ballast() -> list[dict[str, str]]:
    """Long texts, 2.4 MB in all, among which the others come into several blocks."""
    return [{"text": text_of(f"ballast {number}", 20_000)} for number in range(40)]


def mixed(records: list[dict[str, str]]) -> list[dict[str, str]]:
    """The records with the ballast between them."""
    result = list(records)
    for number, each in enumerate(ballast()):
        result.insert(number * len(records) // 40 + number, each)
    return result


def spec(**duplicates: Any) -> CorpusSpec:
    return CorpusSpec.model_validate({"rules": {"entropy": None, "sentences": None}, "duplicates": duplicates})


def contents(artifact: Artifact) -> dict[str, str]:
    """Of all files that are the same in every run."""
    return {entry.path: entry.sha256 for entry in artifact.manifest.files if entry.path not in TIMINGS}
