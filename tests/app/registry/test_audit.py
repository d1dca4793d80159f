"""The audit log: what is added stays, what is changed shows, and writers at the same moment lose nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.registry.audit import AuditLog
from cluster import storage
from cluster.errors import ArtifactError


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(storage.locate(str(tmp_path / "registry")))
    for number in range(1, 6):
        log.append("promote", "模型", str(number - 1), str(number), f"reason {number}")
    return log


def test_entries_say_who_what_and_why(log: AuditLog) -> None:
    entries = log.entries()
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert {entry.actor.count("@") for entry in entries} == {1}
    assert entries[2].reason == "reason 3"
    assert entries == log.entries("模型")
    assert log.entries("other") == []
    assert log.verify(entries[-1].hash) == 5


def _edit(lines: list[dict[str, object]]) -> None:
    lines[1]["reason"] = "nothing to see"


def _remove(lines: list[dict[str, object]]) -> None:
    del lines[2]


def _swap(lines: list[dict[str, object]]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def _cut(lines: list[dict[str, object]]) -> None:
    del lines[3:]


@pytest.mark.parametrize("tamper", [_edit, _remove, _swap, _cut])
def test_tampering_shows(log: AuditLog, tmp_path: Path, tamper: Callable[[list[dict[str, object]]], None]) -> None:
    head = log.entries()[-1].hash
    file = tmp_path / "registry" / "audit.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    tamper(lines)
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    with pytest.raises(ArtifactError, match="audit log"):
        log.verify(head)


def test_a_line_that_is_none_is_named(log: AuditLog, tmp_path: Path) -> None:
    file = tmp_path / "registry" / "audit.jsonl"
    file.write_bytes(file.read_bytes() + b"{}\n")
    with pytest.raises(ArtifactError, match="line 6 of the audit log is no entry"):
        log.entries()


def test_a_writer_killed_within_its_line_does_no_harm(log: AuditLog, tmp_path: Path) -> None:
    file = tmp_path / "registry" / "audit.jsonl"
    file.write_bytes(file.read_bytes() + b'{"number": 6, "ti')
    assert len(log.entries()) == 5
    log.append("rollback", "模型", "5", "4", "after the kill")
    assert log.verify() == 6


def test_writers_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from app.registry.audit import AuditLog; from cluster import storage\n"
        "log = AuditLog(storage.locate(sys.argv[1]))\n"
        "for i in range(20): log.append('register', sys.argv[2], '', str(i), '')"
    )
    folder = str(tmp_path / "registry")
    writers = [subprocess.Popen([sys.executable, "-c", code, folder, name]) for name in ("a", "b", "c")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    log = AuditLog(storage.locate(folder))
    assert log.verify() == 60
    assert {name: [e.after for e in log.entries(name)] for name in "abc"} == {n: [str(i) for i in range(20)] for n in "abc"}
