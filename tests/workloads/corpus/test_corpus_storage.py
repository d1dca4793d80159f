"""Where the corpus stage meets its surroundings: input on an object store, and a disk that is full."""

import gzip
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.errors import InputError, StorageError
from cluster.garbage import garbage
from cluster.observe.progress import SilentReporter
from cluster.session import Session
from cluster.stage import StageContext
from workloads.corpus.flow import read_blocks
from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.plan import plan
from workloads.corpus.reading.read import read_piece
from workloads.corpus.spec import CorpusSpec, InputSpec
from workloads.corpus.stage import build_corpus


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty bucket on a server of the S3 protocol on loopback."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    options = f"endpoint_override=127.0.0.1:{port}&scheme=http&allow_bucket_creation=true"
    place = storage.locate(f"s3://raw?{options}")
    place.filesystem.create_dir("raw")
    yield f"s3://raw{{}}?{options}"
    server.stop()


def test_input_on_an_object_store(bucket: str) -> None:
    line = json.dumps({"text": "春眠不觉晓。"}, ensure_ascii=False).encode() + b"\n"
    for name, data in (("/in/a.jsonl", line * 3), ("/in/deep/b.jsonl.gz", gzip.compress(line)), ("/in/c.jpg", b"x")):
        storage.write_bytes(storage.locate(bucket.format(name)), data)

    def texts(path: str) -> list[tuple[str, int]]:
        files = find_files(((InputSpec(path="x"), bucket.format(path)),)).files
        rows = [
            row
            for i, file in enumerate(files)
            for table in read_piece(Piece(file, i), Limits(1000))
            for row in table.to_pylist()
        ]
        assert {row["text"] for row in rows} == {"春眠不觉晓。"}
        return [(row["file"], row["position"]) for row in rows]

    assert texts("/in") == [("a.jsonl", 1), ("a.jsonl", 2), ("a.jsonl", 3), ("deep/b.jsonl.gz", 1)]
    assert texts("/in/*.jsonl") == [("a.jsonl", 1), ("a.jsonl", 2), ("a.jsonl", 3)]
    assert texts("/in/deep/b.jsonl.gz") == [("b.jsonl.gz", 1)]
    with pytest.raises(InputError, match="no file or folder at s3://raw/out"):
        texts("/out")


def test_a_file_that_is_gone_when_it_is_read_is_one_line(tmp_path: Path, ray_session: Session) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "好"}\n', encoding="utf-8")
    tasks = plan(find_files(((InputSpec(path="x"), str(file)),)).files, 1 << 20)
    file.unlink()
    with pytest.raises(StorageError, match=r"failed while reading .*a\.jsonl") as caught:
        read_blocks(tasks, Limits(1000), lambda records: None)
    assert "\n" not in str(caught.value)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here ({done.stderr.decode().strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_nothing_committed(small_disk: Path, tmp_path: Path, ray_session: Session) -> None:
    rng = random.Random(1)
    texts = ["，".join("".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(9)) for _ in range(300)) for _ in range(300)]
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    (tmp_path / "raw.jsonl").write_text(lines, encoding="utf-8")
    context = StageContext("test", ArtifactStore(str(small_disk)), SilentReporter(), folder=tmp_path)
    with pytest.raises(StorageError, match=r"no space left while writing .*nothing that was committed is lost") as caught:
        build_corpus(CorpusSpec.model_validate({"inputs": "raw.jsonl"}), context)
    assert "\n" not in str(caught.value)
    assert list(context.store.artifacts()) == []
    assert garbage(context.store) == []
