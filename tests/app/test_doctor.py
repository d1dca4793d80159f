"""The doctor: every check answers, and what is wrong comes with what to do."""

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import doctor
from app.doctor import Finding, examine


def named(findings: list[Finding], name: str) -> Finding:
    return next(each for each in findings if each.name == name)


def test_every_check_answers_and_every_problem_has_a_remedy(tmp_path: Path) -> None:
    findings = examine(tmp_path / "not" / "there", port=0)
    names = {each.name for each in findings}
    assert names >= {"Python", "Ray", "memory", "shared memory", "disk", "port", "accelerator", "file system", "token"}
    assert all(each.todo for each in findings if each.level != "ok")


def test_a_port_in_use_is_found(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = named(examine(tmp_path, port), "port")
    assert (found.level, found.found) == ("warning", f"{port} is in use")
    assert "serving.port" in found.todo


def test_a_token_that_others_can_read_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("secret-token", encoding="utf-8")
    file.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    found = named(examine(tmp_path, 0), "token")
    assert found.level == "warning"
    assert found.todo == f"chmod 600 {file}"
    assert "secret-token" not in str(found)
    file.unlink()
    assert named(examine(tmp_path, 0), "token").level == "problem"


def test_too_little_memory_and_disk_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_GIB", 1 << 60)
    findings = examine(tmp_path, 0)
    assert {each.name for each in findings if each.level == "problem"} == {"memory", "disk"}


def test_a_network_file_system_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mounted(kind: str) -> Finding:
        mounts = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(tmp_path), fstype=kind)]
        monkeypatch.setattr(doctor.psutil, "disk_partitions", lambda all: mounts)
        return named(examine(tmp_path / "runs", 0), "file system")

    found = mounted("nfs4")
    assert (found.level, found.found) == ("warning", f"nfs4, a network file system, below {tmp_path / 'runs'}")
    assert "registry.tracking_uri" in found.todo
    assert mounted("xfs").level == "ok"


def test_too_little_shared_memory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = doctor.shutil.disk_usage
    small = SimpleNamespace(free=64 << 20)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: small if str(place) == "/dev/shm" else usage(place))
    found = named(examine(tmp_path, 0), "shared memory")
    if Path("/dev/shm").is_dir():
        assert found.level == "warning"
        assert "--shm-size=2g" in found.todo


def test_another_ray_or_none_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", lambda name: "2.9.3")
    assert named(examine(tmp_path, 0), "Ray").level == "warning"
    monkeypatch.setattr(doctor.metadata, "version", absent)
    assert named(examine(tmp_path, 0), "Ray").level == "problem"
