"""Ends what `ray start` started beside a worker's raylet once that has left. Runs on every host that provider `local` takes:

    ray start --address=... && { setsid python -m cluster.leftover < /dev/null > /dev/null 2>&1 & }

Where the autoscaler lets a worker go, its raylet ends and the log monitor stays for ever (Ray 2.60, seen); a rented machine takes
it along, a host of one's own does not. It ends only processes that were there beside that raylet, never those of a later start.
"""

import re
import sys

import psutil

_SESSION = re.compile(r"/session_[\w.-]+")


def raylet() -> psutil.Process | None:
    """This user's raylet, the newest where there are several."""
    found = [each for each in _mine() if each.name() == "raylet"]
    return max(found, key=lambda each: each.create_time(), default=None)


def beside(node: psutil.Process) -> list[psutil.Process]:
    """Other processes of this user that name the same session."""
    session = _SESSION.search(_line(node))
    return [each for each in _mine() if each != node and session and session[0] in _line(each)]


def watch(node: psutil.Process) -> None:
    """Wait for the raylet to leave, however long it stays, then end what was beside it."""
    others = beside(node)
    psutil.wait_procs([node])
    for each in others:
        _send(each, "terminate")
    _, deaf = psutil.wait_procs(others, timeout=10)
    for each in deaf:
        _send(each, "kill")


def main() -> int:
    """Watch this user's raylet; 1 where there is none."""
    node = raylet()
    if node is None:
        return 1
    watch(node)
    return 0


def _mine() -> list[psutil.Process]:
    me = psutil.Process()
    return [each for each in psutil.process_iter() if each.pid != me.pid and _owner(each) == me.uids().real]


def _owner(process: psutil.Process) -> int:
    try:
        return int(process.uids().real)
    except psutil.NoSuchProcess:
        return -1


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return ""


def _send(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    sys.exit(main())
