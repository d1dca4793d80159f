"""One at a time: a file that says who works on something, renewed while they do. What a dead owner left is taken over.

On a local disk a claim is exact. An object store cannot refuse a second writer: there, two that begin in the same second both
believe they are alone.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cluster import storage
from cluster.errors import HanlinError, UserError
from cluster.storage import Location

_BEAT_SECONDS = 5.0
_DEAD_SECONDS = 30.0  # without a beat; only where the owner is on another machine


@dataclass(frozen=True)
class Owner:
    """Who claims: a process of a machine. `beat` changes while it lives."""

    id: str
    host: str
    pid: int
    born: float
    since: str
    beat: int = 0

    @staticmethod
    def me() -> "Owner":
        pid = os.getpid()
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        return Owner(uuid.uuid4().hex, socket.gethostname(), pid, psutil.Process(pid).create_time(), since)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


@contextmanager
def claimed(file: Location, what: str, note: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Own `file` for the time of the block. Raises UserError where a living process owns it; waits until that is sure."""
    me = Owner.me()
    _take(file, me, what, note)
    ended = threading.Event()

    def renew() -> None:
        beat = 0
        while not ended.wait(_BEAT_SECONDS):
            beat += 1
            with suppress(HanlinError):  # a store that is away costs a beat
                storage.write_bytes(file, Owner(me.id, me.host, me.pid, me.born, me.since, beat).to_json())

    thread = threading.Thread(target=renew, name="hanlin-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(HanlinError, OSError):
            file.filesystem.delete_file(file.path)


def _take(file: Location, me: Owner, what: str, note: Callable[[str], None]) -> None:
    if _create(file, me):
        return
    owner = _read(file)
    if owner is not None and _lives(file, owner, note):
        raise UserError(
            f"{what} is being worked on by process {owner.pid} on {owner.host} since {owner.since}",
            "one run at a time; nothing was changed",
            "wait for it or stop it; `hanlin status` shows how far it is",
        )
    storage.write_bytes(file, me.to_json())


def _create(file: Location, me: Owner) -> bool:
    """Write the file where there is none; on a local disk only one of several succeeds."""
    if not file.is_local:
        if storage.kind_of(file) == "file":
            return False
        storage.write_bytes(file, me.to_json())
        return True
    with storage.plain_errors("writing", file):
        Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with Path(file.path).open("xb") as handle:
                handle.write(me.to_json())
        except FileExistsError:
            return False
    return True


def _read(file: Location) -> Owner | None:
    with suppress(HanlinError, ValueError, TypeError):
        return Owner(**json.loads(storage.read_bytes(file)))
    return None


def _lives(file: Location, owner: Owner, note: Callable[[str], None]) -> bool:
    if owner.host == socket.gethostname():
        with suppress(psutil.NoSuchProcess):
            return abs(psutil.Process(owner.pid).create_time() - owner.born) < 1
        return False
    note(f"looking whether process {owner.pid} on {owner.host} still works on this")
    until = time.monotonic() + _DEAD_SECONDS
    while time.monotonic() < until:
        time.sleep(1)
        now = _read(file)
        if now is None:
            return False
        if now != owner:
            return True
    return False
