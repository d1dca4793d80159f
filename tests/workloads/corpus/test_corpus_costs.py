"""Measuring a part of the input: the bytes of each kind are those of the stage's own tables."""

import gzip
import json
import random
from pathlib import Path

import pytest

from workloads.corpus.clean import Cleaning
from workloads.corpus.costs import documents_in, measure
from workloads.corpus.dedup.candidates import KEY
from workloads.corpus.dedup.cards import CARD
from workloads.corpus.dedup.exact import EXACT
from workloads.corpus.estimate import BLOCKS, CANDIDATES, DIGESTS, DOCUMENTS, KEYS, LINES, TEXTS
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits
from workloads.corpus.reading.spec import InputSpec
from workloads.corpus.sampled import Sampled, read_sample
from workloads.corpus.spec import CorpusSpec

_HAN = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 900))


def _text(seed: int) -> str:
    draw = random.Random(seed)
    return "。".join("".join(draw.choices(_HAN, k=30)) for _ in range(12)) + "。"


def _lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()


def _sampled(path: Path, budget: int = 1 << 30) -> Sampled:
    return read_sample(find_files(((InputSpec(path=str(path)), str(path)),)).files, Limits(), budget)


def test_bytes_by_kind(tmp_path: Path) -> None:
    near = _text(1)[:-40] + _text(2)[:40]
    (tmp_path / "raw.jsonl").write_bytes(_lines([*map(_text, range(40)), _text(0), near, "短"]))
    spec = CorpusSpec()
    costs = measure(_sampled(tmp_path / "raw.jsonl"), Cleaning(spec))
    assert (costs.documents, costs.undropped, costs.kept) == (43, 42, 40)
    assert costs.exchanged[KEYS] == 41 * spec.duplicates.bands * KEY.itemsize  # not the exact duplicate
    assert costs.exchanged[DIGESTS] == 42 * CARD.itemsize + 2 * 2 * EXACT.itemsize
    assert costs.exchanged[BLOCKS] == 42 * (CARD.itemsize + 8 * spec.duplicates.bands + 1)
    assert costs.compared_share == pytest.approx(2 / 42)
    assert costs.exchanged[CANDIDATES] > 0
    assert 2 * 900 < costs.exchanged[TEXTS] < 2 * 1500
    assert costs.exchanged[DOCUMENTS] > costs.kept_bytes
    assert costs.exchanged[LINES] > 0
    assert costs.text_bytes > costs.undropped_bytes > costs.kept_bytes
    assert set(costs.written) == {"documents", "index", "decisions"}
    assert set(costs.seconds) == {"reading", "counting lines", "cleaning", "finding duplicates", "writing"}


def test_exact_duplicates_alone_and_no_boilerplate(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_bytes(_lines([_text(0), _text(0), _text(1)]))
    spec = CorpusSpec.model_validate({"duplicates": {"near": False}, "remove_boilerplate": False})
    costs = measure(_sampled(tmp_path / "raw.jsonl"), Cleaning(spec))
    assert costs.kept == 2
    assert not {KEYS, TEXTS, LINES} & set(costs.exchanged)


def test_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_bytes(_lines(["短", "也短"]))
    costs = measure(_sampled(tmp_path / "raw.jsonl"), Cleaning(CorpusSpec()))
    assert (costs.documents, costs.undropped, costs.kept) == (2, 0, 0)


def test_a_file_read_whole_counts_whole(tmp_path: Path) -> None:
    packed = gzip.compress(_lines(list(map(_text, range(20)))))
    (tmp_path / "raw.jsonl.gz").write_bytes(packed)
    sampled = _sampled(tmp_path / "raw.jsonl.gz")
    assert sampled.raw_bytes == len(packed)
    assert documents_in(sampled) == 20


def test_of_a_packed_file_read_in_part_counts_what_was_taken(tmp_path: Path) -> None:
    texts = [_text(seed) * 4 for seed in range(2_000)]
    packed = gzip.compress(_lines(texts), 1)
    (tmp_path / "raw.jsonl.gz").write_bytes(packed)
    sampled = _sampled(tmp_path / "raw.jsonl.gz", 1 << 20)
    read = documents_in(sampled) / len(texts)
    assert 0 < read < 0.7
    assert sampled.raw_bytes / len(packed) == pytest.approx(read, abs=0.25)


def test_of_many_files_some_are_looked_at_and_rows_stay_apart(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.jsonl").write_bytes(_lines([_text(number)]))
    sampled = _sampled(tmp_path)
    rows = [row for table in sampled.tables for row in table["row"].to_pylist()]
    assert len(set(rows)) == len(rows) == 16
    assert sampled.raw_bytes == 16 * (tmp_path / "00.jsonl").stat().st_size
