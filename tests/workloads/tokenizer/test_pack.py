"""Rows are the documents back to back; lineage says what is where; the reader gives back what was written."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.artifacts import ArtifactStore
from cluster.errors import ArtifactError
from cluster.manifest import Work
from workloads.tokenizer.pack import RowPacker, lineage_table
from workloads.training.rows import TokenRows


def encoded(documents: Iterable[tuple[str, list[int]]], dtype: str = "uint16") -> pa.Table:
    names, tokens = zip(*documents, strict=True)
    return pa.table(
        {
            "id": list(names),
            "characters": [2 * len(each) for each in tokens],
            "tokens": pa.array(tokens, pa.large_list(pa.type_for_alias(dtype))),
        }
    )


def write(store: ArtifactStore, tables: list[pa.Table], length: int, rows_per_shard: int, dtype: str = "uint16") -> Path:
    """A tokens artifact whose training split holds these tables."""
    with store.draft(Work("tokens", {"length": length, "shard": rows_per_shard, "type": dtype}, {}, 1)) as draft:
        for split, its in (("train", tables), ("heldout", [])):
            packer = RowPacker(draft.location, split, length, np.dtype(dtype), rows_per_shard)
            for table in its:
                packer.add(table)
            packer.close()
            draft.counts |= {f"{name}_{split}": count for name, count in packer.counts().items()}
        draft.counts |= {"sequence_length": length, "vocabulary": 300}
    return Path(next(store.artifacts("tokens")).location.path)


def test_rows_shards_and_lineage(store: ArtifactStore) -> None:
    tables = [encoded([("a", [5, 6, 0]), ("b", [7, 0])]), encoded([("c", [*range(10, 21), 0]), ("d", [8, 0])])]
    folder = write(store, tables, length=4, rows_per_shard=2)
    rows = TokenRows(folder)
    assert len(rows) == 5
    assert rows.read(np.arange(5)).tolist() == [
        [5, 6, 0, 7],
        [0, 10, 11, 12],
        [13, 14, 15, 16],
        [17, 18, 19, 20],
        [0, 8, 0, 0],
    ]
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.arrow"))] == [
        f"train/shard-0000{number}.arrow" for number in range(3)
    ]
    assert [(rows.documents(row).starts, rows.documents(row).documents) for row in range(5)] == [
        ((0, 3), ("a", "b")),
        ((0, 1), ("b", "c")),
        ((0,), ("c",)),
        ((0,), ("c",)),
        ((0, 1), ("c", "d")),
    ]
    assert rows.valid(np.arange(5)).tolist() == [4, 4, 4, 4, 3]
    assert rows.tokens == 19


def test_the_reader_gives_views_and_copies(store: ArtifactStore) -> None:
    rows = TokenRows(write(store, [encoded([("a", list(range(70_000, 70_012)))], "uint32")], 4, 1, "uint32"))
    assert rows[1].dtype == np.uint32
    assert not rows[1].flags.writeable
    assert rows.read(np.array([2, 0, 2])).tolist() == [
        list(range(70_008, 70_012)),
        list(range(70_000, 70_004)),
        list(range(70_008, 70_012)),
    ]
    assert rows.read(np.empty(0, np.int64)).shape == (0, 4)
    for outside in (-1, 3):
        with pytest.raises(IndexError):
            rows.read(np.array([outside]))
        with pytest.raises(IndexError):
            rows[outside]
        with pytest.raises(IndexError):
            rows.documents(outside)


def test_an_empty_split_has_no_rows(store: ArtifactStore) -> None:
    rows = TokenRows(write(store, [encoded([("a", [1, 0])])], 4, 1), "heldout")
    assert len(rows) == 0
    assert rows.read(np.empty(0, np.int64)).shape == (0, 4)


def test_missing_or_changed_files_are_refused(store: ArtifactStore) -> None:
    folder = write(store, [encoded([("a", list(range(1, 17)))])], 4, 2)
    artifact = next(store.artifacts("tokens"))
    assert len(TokenRows.of(artifact)) == 4
    shard = folder / "train/shard-00001.arrow"
    content = shard.read_bytes()
    place = content.index(np.arange(9, 17, dtype=np.uint16).tobytes())
    shard.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    with pytest.raises(ArtifactError, match=r"train/shard-00001\.arrow .* differs"):
        TokenRows.of(artifact)
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=r"cannot be read: shard-00001"):
        TokenRows(folder)
    shard.unlink()
    with pytest.raises(ArtifactError, match="hold 2 rows, the manifest says 4"):
        TokenRows(folder)
    with pytest.raises(ArtifactError, match="no usable manifest"):
        TokenRows(folder / "train")


documents = st.lists(st.lists(st.integers(1, 60_000), max_size=40).map(lambda ids: [*ids, 0]), min_size=1, max_size=30)


@given(documents, st.integers(2, 17), st.integers(1, 5), st.lists(st.integers(0, 30), max_size=3))
def test_any_documents_come_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[int]], length: int, rows_per_shard: int, cuts: list[int]
) -> None:
    """However the tables are cut: the same rows, all tokens in order, and every document found where lineage says."""
    edges = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    named = [(f"d{number}", text) for number, text in enumerate(texts)]
    tables = [encoded(named[a:b]) for a, b in pairwise(edges)]
    rows = TokenRows(write(ArtifactStore(str(tmp_path_factory.mktemp("store"))), tables, length, rows_per_shard))
    flat = rows.read(np.arange(len(rows))).reshape(-1)
    assert flat[: rows.tokens].tolist() == [token for text in texts for token in text]
    assert not flat[rows.tokens :].any()
    assert len(rows) == -(-rows.tokens // length)
    found: dict[str, list[int]] = {}
    for row in range(len(rows)):
        of_row, valid = rows.documents(row), int(rows.valid(np.array([row]))[0])
        for name, start, stop in zip(of_row.documents, of_row.starts, [*of_row.starts[1:], valid], strict=True):
            found.setdefault(name, []).extend(rows[row][start:stop].tolist())
    assert found == dict(named)


def test_a_document_over_many_shards_stays_in_their_lineage() -> None:
    table = lineage_table(pa.array(["long", "next"]), np.array([0, 100]), begin=40, end=48, length=4)
    assert table.to_pylist() == [
        {"row": 10, "starts": [0], "documents": ["long"]},
        {"row": 11, "starts": [0], "documents": ["long"]},
    ]
