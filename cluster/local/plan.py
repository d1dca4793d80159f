"""What a local cluster is: its folder, addresses, ports and limits, kept in one file so that every process reads the same.

Not for starting anything: a machine does that.
"""

import json
import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.errors import AddressError, RecipeError

HEAD = "head"
WORKER_TYPE = "worker"
_LONGEST_NAME = 12  # Ray's socket paths must stay under 107 bytes
_MB = 1 << 20


@dataclass(frozen=True)
class LocalCluster:
    """One local cluster. Sizes in bytes; `identity` marks the environment of every process that belongs to it."""

    name: str
    identity: str
    network: str  # the first three numbers of every node's address
    port: int
    dashboard_port: int
    client_port: int
    autoscaler_metrics_port: int
    dashboard_metrics_port: int
    min_workers: int
    max_workers: int
    worker_cpus: float
    worker_memory: int
    object_store: int
    idle_seconds: float
    isolated: bool
    redis: str  # host:port of a Redis that keeps the head's state; empty: RocksDB in the cluster's folder

    @property
    def folder(self) -> Path:
        return folder_of(self.name)

    @property
    def head_address(self) -> str:
        return f"{self.network}.1"

    @property
    def address(self) -> str:
        """What drivers connect to."""
        return f"{self.head_address}:{self.port}"

    @property
    def dashboard(self) -> str:
        """Where jobs are submitted."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def store(self) -> Path:
        """The head's RocksDB folder; it outlives the head."""
        return self.folder / "store"

    @property
    def config_file(self) -> Path:
        return self.folder / "autoscaler.json"

    def address_of(self, number: int) -> str:
        """Address of worker `number` (from 1)."""
        return f"{self.network}.{1 + number}"

    def number_of(self, address: str) -> int:
        """Which worker address this is (from 1)."""
        return int(address.rpartition(".")[2]) - 1

    def machine_folder(self, machine: str) -> Path:
        return self.folder / machine

    def save(self) -> None:
        """Write the file that says this cluster exists; whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self.folder / "cluster.json", json.dumps(asdict(self), indent=1))


def create(
    name: str,
    workers: tuple[int, int],
    worker_cpus: float = 1,
    worker_memory: int = 2 << 30,
    object_store: int = 150 * _MB,
    idle_seconds: float = 60,
    isolated: bool = False,
    redis: str = "",
) -> LocalCluster:
    """Choose addresses and ports that are free now. Raises RecipeError for a name or range that cannot be."""
    low, high = workers
    if not 0 <= low <= high or high < 1 or high > 250:
        raise RecipeError(f"--workers {low}:{high}", "MIN:MAX with 0 <= MIN <= MAX and 1 <= MAX <= 250", "for example 0:2")
    if not name.isalnum() or len(name) > _LONGEST_NAME:
        raise RecipeError(f"cluster name {name!r}", f"letters and digits, at most {_LONGEST_NAME}", "for example dev")
    ports = free_ports(5)
    return LocalCluster(
        name=name,
        identity=secrets.token_hex(8),
        network=f"10.{_number()}.0" if isolated else f"127.{_number()}.0",
        port=ports[0],
        dashboard_port=ports[1],
        client_port=ports[2],
        autoscaler_metrics_port=ports[3],
        dashboard_metrics_port=ports[4],
        min_workers=low,
        max_workers=high,
        worker_cpus=worker_cpus,
        worker_memory=worker_memory,
        object_store=object_store,
        idle_seconds=idle_seconds,
        isolated=isolated,
        redis=redis,
    )


def load(name: str) -> LocalCluster:
    """The cluster of that name. Raises AddressError where there is none."""
    try:
        text = (folder_of(name) / "cluster.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AddressError(
            f"no local cluster named {name!r}", ", ".join(names()) or "none is up", "hanlin cluster up --local --workers 0:2"
        ) from None
    return LocalCluster(**json.loads(text))


def load_folder(folder: str) -> LocalCluster:
    """The cluster whose folder that is: for processes that were told the folder only."""
    return LocalCluster(**json.loads((Path(folder) / "cluster.json").read_text(encoding="utf-8")))


def names() -> list[str]:
    """Every local cluster of this user."""
    return sorted(path.parent.name for path in _root().glob("*/cluster.json"))


def folder_of(name: str) -> Path:
    return _root() / name


def write_whole(path: Path, text: str) -> None:
    """Replace a small file so that a reader sees the old text or the new, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"hl-{os.getuid()}"


def _number() -> int:
    """The second number of the network: two clusters of one machine hardly ever meet, and ports differ anyway."""
    return 20 + secrets.randbelow(220)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different. None that the kernel gives away by itself (32768 on): a head that comes
    back must find its own still free."""
    found: dict[int, socket.socket] = {}
    try:
        while len(found) < count:
            port = 20000 + secrets.randbelow(12000)
            each = socket.socket()
            try:
                each.bind(("0.0.0.0", port))
            except OSError:
                each.close()
                continue
            found[port] = each
        return list(found)
    finally:
        for each in found.values():
            each.close()
