"""The processes of a local cluster, found again by a mark in their environment; only what carries the mark is ever ended.

Not for what a machine is or when it goes.
"""

import os
import signal
import time

import psutil

from cluster.errors import AddressError

MARK = "HANLIN_MACHINE"


def processes(identity: str, machine: str = "") -> list[psutil.Process]:
    """Live processes of a machine, or of the whole cluster; never the calling one.

    Those that carry the mark and all below them: a process that renames itself overwrites the mark in its environment. The
    workers' machines are children of the head's autoscaler and keep marks of their own.
    """
    wanted = mark_text(identity, machine)
    everything = {each.pid: each for each in psutil.process_iter()}
    marks = {pid: mark_of(each) for pid, each in everything.items()}
    children = _children(everything)
    todo = [pid for pid, own in marks.items() if own and (own == wanted if machine else own.startswith(wanted))]
    found: set[int] = set()
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += [child for child in children.get(pid, []) if not machine or marks.get(child) in ("", wanted)]
    return [everything[pid] for pid in sorted(found - {os.getpid()})]


def end(identity: str, machine: str = "") -> int:
    """Kill every process of a machine, or of the whole cluster, until no new one shows: one may be born after the look."""
    ended = 0
    for round_number, found in enumerate(iter(lambda: processes(identity, machine), [])):
        for process in found:
            send(process, signal.SIGKILL)
        _wait_until_dead(found)
        if round_number > 10:
            raise AddressError(f"{len(found)} processes do not end", "", "look at them with ps and end them by their ids")
        ended += len(found)
    return ended


def _wait_until_dead(found: list[psutil.Process], seconds: float = 5.0) -> None:
    """Dead is enough: a zombie stays until its parent, perhaps the head's autoscaler, asks for it."""
    end_at = time.monotonic() + seconds
    while any(_lives(each) for each in found) and time.monotonic() < end_at:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send(process: psutil.Process, number: int) -> None:
    """Send a signal, if the process is still there."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def memory(processes: list[psutil.Process]) -> int:
    """Resident bytes of those processes; pages that they share count in each."""
    total = 0
    for each in processes:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def mark_text(identity: str, machine: str = "") -> str:
    """The mark of a machine's processes, or what the marks of all machines begin with."""
    return f"{identity}/{machine}"


def mark_of(process: psutil.Process) -> str:
    """The mark that a process carries; empty for a zombie, for one of another user and for one that renamed itself."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(MARK, ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return ""


def _children(everything: dict[int, psutil.Process]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid, each in everything.items():
        try:
            if each.status() != psutil.STATUS_ZOMBIE:
                children.setdefault(each.ppid(), []).append(pid)
        except psutil.NoSuchProcess:
            continue
    return children
