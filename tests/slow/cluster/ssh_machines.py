"""Machines of one's own on one computer: network, process and mount namespaces with a real sshd in each. Linux, as root.

Works only inside namespaces that were unshared before (`unshare_command`): all it makes lies in them, and ends with them. Each
machine sees the computer's files; what it writes below /tmp and the home folder is its own and vanishes.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from cluster.local import namespace

UNPACKED = "HANLIN_SSH_LAB"  # names the folder below which the packages were unpacked
NETWORK = "10.77.0"
_HOME = Path.home()
_SSH = ("-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes")
_PACKAGES = "openssh-server openssh-client rsync"
_UNPACK = f"apt-get download {_PACKAGES} libwrap0 libpopt0 && for each in *.deb; do dpkg-deb -x $each ROOT; done"


def missing() -> str:
    """What keeps such machines from being made here, in words with the command that mends it; empty where nothing does."""
    if reason := namespace.missing():
        return reason
    if absent := [name for name in ("sshd", "ssh", "ssh-keygen", "rsync") if not _program(name)]:
        return f"no {', '.join(absent)}: apt-get install {_PACKAGES} (or {_UNPACK}, and {UNPACKED}=ROOT)"
    done = subprocess.run([*unshare_command(), "true"], capture_output=True, text=True, check=False)
    return f"no namespaces: {done.stderr.strip()}" if done.returncode else ""


def unshare_command() -> list[str]:
    """What runs a command as the first process of new namespaces; all that it starts ends with it."""
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]


class Machines:
    """`count` machines, the first of them the head; their files lie in `folder`, which must not be below /tmp or the home."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.addresses = folder, [f"{NETWORK}.{1 + number}" for number in range(count)]
        self.key = folder / "key"
        self._sshd: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """All are up when it returns: each answers over ssh."""
        self._own_folders()
        self._bridge()
        self._sshd = [self._machine(number) for number in range(len(self.addresses))]
        for number, address in enumerate(self.addresses):
            until(lambda address=address: self.run(address, "true").returncode == 0, f"sshd on {address}", self._log(number))

    def run(self, address: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run in a login shell there, as `ray up` does."""
        return subprocess.run(self.command(address, command), capture_output=True, text=True, check=False)

    def command(self, address: str, command: str) -> list[str]:
        return ["ssh", *_SSH, "-i", str(self.key), f"root@{address}", f"bash --login -i -c {_quoted(command)} 2>/dev/null"]

    @property
    def path(self) -> str:
        """Folders where the machines find rsync and ssh, before their own."""
        return str(self.folder / "bin")

    def _own_folders(self) -> None:
        """Nothing here shows outside: the mounts are this process's own. A namespace's overlay has the computer's /tmp below."""
        _run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for each in ("bin", "below", "upper", "work"):
            (self.folder / each).mkdir(parents=True)
        Path("/run/sshd").mkdir(mode=0o755)
        _run("mount", "--bind", "/tmp", str(self.folder / "below"))
        _overlay(str(self.folder / "below"), self.folder, Path("/tmp"))
        for name in ("key", "host"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name))
        self._wrapper("rsync")
        os.environ["PATH"] = os.pathsep.join([self.path, os.environ["PATH"]])
        users = Path("/etc/passwd").read_text(encoding="utf-8")
        own = "" if "\nsshd:" in users else "sshd:x:109:65534::/run/sshd:/usr/sbin/nologin\n"
        (self.folder / "passwd").write_text(users + own, encoding="utf-8")
        (self.folder / "sshd_config").write_text(self._sshd_config(), encoding="utf-8")

    def _sshd_config(self) -> str:
        lines = {
            "HostKey": self.folder / "host",
            "AuthorizedKeysFile": self.folder / "key.pub",
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "StrictModes": "no",
            "PidFile": "none",
            "SetEnv": f"PATH={self.path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _wrapper(self, name: str) -> None:
        """An unpacked program finds the libraries that were unpacked beside it."""
        script = self.folder / "bin" / name
        script.write_text(f'#!/bin/sh\n{_libraries()} exec {_program(name)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)

    def _bridge(self) -> None:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "addr", "add", f"{NETWORK}.254/24", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")

    def _machine(self, number: int) -> subprocess.Popen[bytes]:
        space, wire, own = f"m{number}", f"v{number}", self.folder / f"machine{number}"
        _run("ip", "netns", "add", space)
        _run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", space)
        _run("ip", "link", "set", wire, "master", "bridge", "up")
        _run("ip", "-n", space, "link", "set", "lo", "up")
        _run("ip", "-n", space, "addr", "add", f"{self.addresses[number]}/24", "dev", "eth0")
        _run("ip", "-n", space, "link", "set", "eth0", "up")
        _run("ip", "-n", space, "route", "add", "default", "via", f"{NETWORK}.254")
        for each in ("tmp", "home"):
            (own / each / "upper").mkdir(parents=True)
            (own / each / "work").mkdir()
        script = " && ".join(
            [
                f"mount --bind {self.folder}/passwd /etc/passwd",
                _overlay_command(str(self.folder / "below"), own / "tmp", Path("/tmp")),
                "mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray",  # the computer's own Ray is not this machine's
                _overlay_command(str(_HOME), own / "home", _HOME),
                f"{_libraries()} exec {_program('sshd')} -D -e -f {self.folder}/sshd_config",
            ]
        )
        alone = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        with self._log(number).open("wb") as log:
            return subprocess.Popen(["ip", "netns", "exec", space, *alone, "sh", "-c", script], stdout=log, stderr=log)

    def _log(self, number: int) -> Path:
        return self.folder / f"sshd{number}.log"


def until(condition: Callable[[], object], what: str, log: Path | None = None, seconds: float = 300) -> float:
    """Wait for other processes to get there; how long it took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{what} did not come within {seconds:g} s. {log.read_text() if log else ''}")
        time.sleep(0.1)
    return time.monotonic() - begun


def _program(name: str) -> str:
    """Its path: installed, or unpacked below the folder that the variable names."""
    root = os.environ.get(UNPACKED, "")
    unpacked = [f"{root}/usr/sbin", f"{root}/usr/bin"] if root else []
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *unpacked])) or ""


def _libraries() -> str:
    root = os.environ.get(UNPACKED, "")
    folders = [str(each.resolve()) for each in Path(root).glob("**/*-linux-gnu") if each.is_dir()] if root else []
    return f"LD_LIBRARY_PATH={os.pathsep.join(folders)}" if folders else ""


def _overlay(below: str, own: Path, onto: Path) -> None:
    _run("sh", "-c", _overlay_command(below, own, onto))


def _overlay_command(below: str, own: Path, onto: Path) -> str:
    return f"mount -t overlay overlay -o lowerdir={below},upperdir={own}/upper,workdir={own}/work {onto}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _run(*command: str) -> None:
    done: subprocess.CompletedProcess[str] = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
