"""Look at the machine before a run does: each check says what it found and, where it matters, what to do about it."""

import contextlib
import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from cluster.environment import token_file

Level = Literal["ok", "warning", "problem"]
_GIB = 1 << 30
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "glusterfs", "ceph", "lustre", "fuse.sshfs", "9p"})


@dataclass(frozen=True)
class Finding:
    """One check's result. `todo` is empty where nothing is to be done."""

    name: str
    level: Level
    found: str
    todo: str = ""


def examine(folder: Path, port: int) -> list[Finding]:
    """All checks. `folder` is where artifacts go, `port` where the endpoint will listen."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _ray,
        _processors,
        _memory,
        _shared_memory,
        lambda: _disk(folder),
        lambda: _file_system(folder),
        lambda: _port(port),
        _accelerator,
        _token,
        _temporary_folder,
    ]
    return [check() for check in checks]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "ok", version)
    return Finding("Python", "problem", version, "use Python 3.11, 3.12 or 3.13")


def _ray() -> Finding:
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        return Finding("Ray", "problem", "not installed", "pip install -e . in the project's folder")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (2, 60) <= (major, minor) < (2, 62):
        return Finding("Ray", "ok", version)
    return Finding("Ray", "warning", f"{version}, tested with 2.60", "pip install 'ray[default,train,serve,data]>=2.60,<2.62'")


def _processors() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count >= 2:
        return Finding("processors", "ok", f"{count}")
    return Finding("processors", "warning", f"{count}", "everything works on one processor, slowly; two or more are better")


def _memory() -> Finding:
    free = psutil.virtual_memory().available / _GIB
    if free >= 4:
        return Finding("memory", "ok", f"{free:.1f} GiB free")
    return Finding("memory", "problem", f"{free:.1f} GiB free", "close programs until 4 GiB are free; the demo needs about 3")


def _shared_memory() -> Finding:
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding("shared memory", "ok", "no /dev/shm on this system; Ray uses the temporary folder")
    free = shutil.disk_usage(place).free / _GIB
    if free >= 1:
        return Finding("shared memory", "ok", f"{free:.1f} GiB free in /dev/shm")
    return Finding(
        "shared memory",
        "warning",
        f"{free:.2f} GiB free in /dev/shm",
        "in a container start it with --shm-size=2g; else Ray falls back to disk",
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free / _GIB
    if free >= 5:
        return Finding("disk", "ok", f"{free:.0f} GiB free for {folder}")
    return Finding("disk", "problem", f"{free:.1f} GiB free for {folder}", "free 5 GiB or point `store` at another disk")


def _file_system(folder: Path) -> Finding:
    place = _existing(folder).resolve()
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint), reverse=True)
    kind = next((mount.fstype for mount in mounts if place.is_relative_to(mount.mountpoint)), "unknown")
    if kind not in _NETWORK_FILE_SYSTEMS:
        return Finding("file system", "ok", f"{kind} below {folder}")
    return Finding(
        "file system",
        "warning",
        f"{kind}, a network file system, below {folder}",
        "fine for `store` on a cluster; keep the registry's SQLite file on a local disk or set registry.tracking_uri",
    )


def _port(port: int) -> Finding:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding("port", "warning", f"{port} is in use", "serve elsewhere with --set serving.port=8001")
    return Finding("port", "ok", f"{port} is free on loopback")


def _accelerator() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Finding("accelerator", "ok", names)
    if any(_nvidia_devices()):
        return Finding(
            "accelerator",
            "warning",
            "an NVIDIA GPU that torch cannot use",
            "install a CUDA build of torch that fits the driver",
        )
    return Finding("accelerator", "ok", "none; models up to about 25M parameters train well on processors")


def _nvidia_devices() -> Iterator[Path]:
    return Path("/dev").glob("nvidia[0-9]*")


def _token() -> Finding:
    file = token_file()
    if file is None:
        return Finding("token", "ok", "none stored; private sessions make their own")
    if not file.is_file():
        return Finding(
            "token", "problem", f"{file} does not exist", "unset RAY_AUTH_TOKEN_PATH or put the cluster's token there"
        )
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding("token", "warning", f"{file} can be read by others (mode {mode:o})", f"chmod 600 {file}")
    return Finding("token", "ok", f"stored in {file}")


def _temporary_folder() -> Finding:
    folder = Path(tempfile.gettempdir())
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            "temporary folder", "problem", f"{folder} cannot be written ({error.strerror})", "set TMPDIR to one that can"
        )
    return Finding("temporary folder", "ok", str(folder))


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
