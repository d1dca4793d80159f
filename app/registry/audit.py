"""The audit log: who changed which alias, when and why. Entries are only added, and each holds the hash of the one before.

So a changed, removed or inserted entry shows; a cut at the end shows only against the head that the registry remembers.
Local stores: one file of JSON lines, appended under a lock and synced. Object stores: one object per entry.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster import storage
from cluster.errors import ArtifactError
from cluster.storage import Location

FIRST = "0" * 64  # what the first entry names as the one before
_FILE = "audit.jsonl"
_FOLDER = "audit"


@dataclass(frozen=True)
class AuditEntry:
    """One change. `before` and `after` are revision numbers or empty; `previous` is the hash of the entry before this one."""

    number: int
    time: str
    actor: str
    action: str
    model: str
    before: str
    after: str
    reason: str
    previous: str
    hash: str = ""

    def sealed(self) -> "AuditEntry":
        """The entry with its hash: SHA-256 over the canonical JSON of all other fields."""
        fields = asdict(self) | {"hash": ""}
        canonical = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return AuditEntry(**fields | {"hash": storage.sha256_of_bytes(canonical.encode())})

    def to_line(self) -> bytes:
        return (json.dumps(asdict(self), ensure_ascii=False) + "\n").encode()


class AuditLog:
    """The log below a folder (`<store>/registry`)."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder

    def append(self, action: str, model: str, before: str, after: str, reason: str) -> AuditEntry:
        """Add one entry durably. Local writers take turns; on an object store two at the same moment may name the same
        entry as the one before, which `verify` accepts, and none is lost."""
        with self._turn():
            entries = self.entries()
            number, previous = (entries[-1].number + 1, entries[-1].hash) if entries else (1, FIRST)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = AuditEntry(number, now, actor(), action, model, before, after, reason, previous).sealed()
            self._write(entry)
        return entry

    def entries(self, model: str = "") -> list[AuditEntry]:
        """Every entry, oldest first; of one model where it is named. Raises ArtifactError for a line that is none."""
        lines = self._lines()
        if self._folder.is_local and lines and not lines[-1].endswith(b"\n"):
            lines.pop()  # a writer was killed within its last line: that entry was never acknowledged
        found = [_parse(line, number) for number, line in enumerate(lines, start=1)]
        return [entry for entry in found if model in ("", entry.model)]

    def verify(self, head: str = "") -> int:
        """Number of entries. Raises ArtifactError that names the first one which does not fit: changed, inserted, or after
        a gap; or where `head`, the hash of an entry known from elsewhere, is no longer in the log."""
        known: dict[int, set[str]] = {0: {FIRST}}
        entries = self.entries()
        for position, entry in enumerate(entries, start=1):
            fits = entry.previous in known.get(entry.number - 1, set())
            fits &= entry.number == position or not self._folder.is_local  # only there can two be written at the same moment
            if not fits or entry.sealed().hash != entry.hash:
                raise _tampered(f"entry {entry.number} of the audit log does not fit")
            known.setdefault(entry.number, set()).add(entry.hash)
        if head and not any(head in hashes for hashes in known.values()):
            raise _tampered("the end of the audit log is missing")
        return len(entries)

    def _lines(self) -> list[bytes]:
        if not self._folder.is_local:
            files = [self._folder / _FOLDER / file.path for file in storage.list_files(self._folder / _FOLDER)]
            return [storage.read_bytes(file) for file in files]
        file = self._folder / _FILE
        return storage.read_bytes(file).splitlines(keepends=True) if storage.kind_of(file) == "file" else []

    def _write(self, entry: AuditEntry) -> None:
        if not self._folder.is_local:
            storage.write_bytes(self._folder / _FOLDER / f"{entry.number:08d}-{entry.hash[:12]}.json", entry.to_line())
            return
        path = Path(self._folder.path) / _FILE
        with storage.plain_errors("writing", self._folder / _FILE), path.open("r+b" if path.exists() else "w+b") as handle:
            whole = handle.read().rfind(b"\n") + 1
            handle.seek(whole)
            handle.truncate()
            handle.write(entry.to_line())
            handle.flush()
            os.fsync(handle.fileno())

    def _turn(self) -> contextlib.AbstractContextManager[None]:
        return exclusive(self._folder, "audit.lock")


@contextlib.contextmanager
def exclusive(folder: Location, name: str) -> Iterator[None]:
    """One holder at a time among the processes of this machine; no lock on an object store, which has none to give."""
    if not folder.is_local:
        yield
        return
    path = Path(folder.path) / name
    with storage.plain_errors("locking", folder / name):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def actor() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _parse(line: bytes, number: int) -> AuditEntry:
    try:
        return AuditEntry(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise _tampered(f"line {number} of the audit log is no entry ({error})") from error


def _tampered(given: str) -> ArtifactError:
    return ArtifactError(given, "entries are only ever added", "compare with a backup and find out who changed it")
