"""One at a time: a living owner is respected, a dead one is not."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cluster import claim, storage
from cluster.claim import Owner, claimed
from cluster.errors import UserError
from cluster.storage import Location


@pytest.fixture
def file(tmp_path: Path) -> Location:
    return storage.locate(str(tmp_path / "folder" / "claim.json"))


def test_a_second_one_is_refused_in_a_line_and_comes_after_the_first(file: Location) -> None:
    with claimed(file, "this training"):
        with (
            pytest.raises(
                UserError, match=rf"this training is being worked on by process {os.getpid()} on .*; one run"
            ) as error,
            claimed(file, "this training"),
        ):
            pytest.fail("two at once")
        assert "\n" not in str(error.value)
        assert storage.kind_of(file) == "file"
    assert storage.kind_of(file) == "absent"
    with claimed(file, "this training"):
        pass


def test_a_dead_process_of_this_machine_owns_nothing(file: Location) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    for dead in (replace(Owner.me(), pid=int(done.stdout)), replace(Owner.me(), born=1.0)):  # gone; the number used again
        storage.write_bytes(file, dead.to_json())
        with claimed(file, "it"):
            assert json.loads(storage.read_bytes(file))["id"] != dead.id


@pytest.mark.parametrize("alive", [True, False])
def test_of_another_machine_only_a_beat_tells(file: Location, monkeypatch: pytest.MonkeyPatch, alive: bool) -> None:
    other = replace(Owner.me(), host="elsewhere")
    storage.write_bytes(file, other.to_json())
    monkeypatch.setattr(claim, "_DEAD_SECONDS", 3.0)
    notes: list[str] = []

    def beat(_seconds: float) -> None:
        if alive:
            storage.write_bytes(file, replace(other, beat=other.beat + 1).to_json())

    monkeypatch.setattr("cluster.claim.time.sleep", beat)
    if alive:
        with pytest.raises(UserError, match="on elsewhere"), claimed(file, "it", notes.append):
            pytest.fail("two at once")
    else:
        with claimed(file, "it", notes.append):
            assert json.loads(storage.read_bytes(file))["host"] == socket.gethostname()
    assert "elsewhere" in notes[0]


def test_a_claim_that_cannot_be_read_is_no_claim(file: Location) -> None:
    storage.write_bytes(file, b"{")
    with claimed(file, "it"):
        assert set(json.loads(storage.read_bytes(file))) == set(asdict(Owner.me()))
