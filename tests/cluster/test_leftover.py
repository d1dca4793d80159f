"""What stays beside a raylet that has left is ended; what another start made, or another session, is not."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cluster import leftover

Start = Callable[[str, str], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("raylet", "one")`: a process of that name that names the session; it is up when this returns."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, session: str) -> subprocess.Popen[bytes]:
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nimport time\nprint(flush=True)\ntime.sleep(600)\n", encoding="utf-8")
        program.chmod(0o755)
        folder = f"--session-dir=/tmp/ray/session_{tmp_path.name}-{session}/"
        process = subprocess.Popen([str(program), folder], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        started.append(process)
        return process

    yield begin
    for each in started:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


def test_only_what_was_beside_the_raylet_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    node, monitor, stranger = start("raylet", "one"), start("monitor", "one"), start("monitor", "two")
    found = leftover.raylet()
    assert found is not None
    assert found.pid == node.pid
    assert [each.pid for each in leftover.beside(found)] == [monitor.pid]

    later: list[subprocess.Popen[bytes]] = []

    def leaves(processes: list[psutil.Process], timeout: float | None = None) -> object:
        if processes == [found]:
            node.kill()
            node.wait()
            later.append(start("monitor", "one"))  # the machine is started again before the watcher sees it
        return real(processes, timeout)

    real = psutil.wait_procs
    monkeypatch.setattr(psutil, "wait_procs", leaves)
    leftover.watch(found)
    monitor.wait(10)
    assert stranger.poll() is None
    assert later[0].poll() is None


def test_without_a_raylet_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftover, "_mine", list)
    assert leftover.main() == 1
