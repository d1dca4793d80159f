"""Shards written by tasks are those that this process would write; one that fails is told, and nothing goes on behind it."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ray

from cluster.errors import StorageError
from cluster.session import Session
from cluster.storage import locate
from workloads.tokenizer.pack import Counted, RowPacker, Shard
from workloads.tokenizer.shards import ShardTasks


def table(rng: random.Random, number: int) -> pa.Table:
    lengths = [rng.randrange(1, 40) for _ in range(rng.randrange(0, 9))]
    tokens = [[*(rng.randrange(1, 900) for _ in range(length)), 0] for length in lengths]
    return pa.table(
        {
            "id": pa.array([f"{number}-{place}" for place in range(len(lengths))], pa.string()),
            "characters": pa.array(lengths, pa.int64()),
            "tokens": pa.array(tokens, pa.large_list(pa.uint16())),
        }
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_by_tasks_or_here_the_same_bytes(tmp_path: Path, ray_session: Session) -> None:
    rng = random.Random(5)
    tables = [table(rng, number) for number in range(30)]
    here = RowPacker(locate(str(tmp_path / "here")), "train", 8, np.dtype("uint16"), 5)
    for each in tables:
        here.add(each)
    here.close()
    with ShardTasks(2) as tasks:
        there = RowPacker(locate(str(tmp_path / "there")), "train", 8, np.dtype("uint16"), 5, tasks.write)
        for each in tables:
            there.add_counted(ray.put(each), Counted.of(each))
        there.close()
    assert there.counts() == here.counts()
    assert len(files(tmp_path / "here")) > 20
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_a_shard_that_cannot_be_written_is_one_line(tmp_path: Path, ray_session: Session) -> None:
    (tmp_path / "file").write_bytes(b"")
    shard = Shard((locate(str(tmp_path / "file")) / "below").uri, "train", 0, 8, 0, 3, 0)
    encoded = pa.table({"id": ["a"], "tokens": pa.array([[1, 2, 0]], pa.large_list(pa.uint16()))})
    with pytest.raises(StorageError) as caught, ShardTasks(1) as tasks:
        tasks.write(shard, encoded)
    assert "\n" not in str(caught.value)
