"""The API keys of an endpoint in a backup: salted hashes, for the owner alone on a local disk.

Read as `hanlin keys` reads them, so that a file which is none makes no backup. Not for making keys (app/gateway/limits).
"""

from datetime import UTC, datetime

from app.backup.contents import Backup
from app.gateway.limits.keystore import changing_keys, file_of, read_keys, write_keys
from cluster.errors import UserError

KEYS = "keys.json"


def keys_to_save(uri: str) -> bytes:
    """The content of a backup's file of keys; nothing where there are none. Raises InputError for a broken file."""
    ring = read_keys(uri)
    return file_of(ring) if ring.keys else b""


def keys_in(backup: Backup) -> int:
    """How many API keys a backup holds."""
    there = any(entry.path == KEYS for entry in backup.contents.files)
    return len(read_keys((backup.location / KEYS).uri).keys) if there else 0


def refuse_other_keys(backup: Backup, uri: str) -> None:
    """Raises UserError where restoring would take the place of other keys."""
    if keys_in(backup) and _others(backup, uri):
        raise UserError(
            f"there are API keys in {uri.partition('?')[0]}",
            "restore goes where there are none, or the same",
            "choose another place, or add --replace to put them aside first; nothing was written",
        )


def restore_keys(backup: Backup, uri: str) -> None:
    """The backup's keys, if it has any, to `uri`; others that are there are put aside."""
    if not keys_in(backup):
        return
    with changing_keys(uri) as there:
        if _others(backup, uri):
            base, mark, query = uri.partition("?")
            write_keys(f"{base}.replaced-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}{mark}{query}", there)
        write_keys(uri, read_keys((backup.location / KEYS).uri))


def _others(backup: Backup, uri: str) -> bool:
    there = read_keys(uri).keys
    return bool(there) and there != read_keys((backup.location / KEYS).uri).keys
