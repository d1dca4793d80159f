"""status: what runs of a store are doing, from any terminal or machine that sees the store."""

import argparse
import socket
import time
from pathlib import Path

import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from app.commands.arguments import Verbs, verb
from cluster.artifacts import ArtifactStore
from cluster.config import read_recipe
from cluster.errors import UserError
from cluster.observe.progress import line, stage_table
from cluster.observe.status import RunStatus, read_statuses, since
from cluster.stage import RecipeOutline, resolve_path

_REFRESH_SECONDS = 2.0
_SILENT_SECONDS = 30.0
_INCIDENTS = 5


def add_verbs(verbs: Verbs) -> None:
    parser = verb(verbs, "status", "show what the runs of a store are doing, from any terminal or machine", _status)
    parser.add_argument("recipe", nargs="?", default="", help="a recipe's YAML file: its run alone (default: all of --store)")
    parser.add_argument("--store", default="runs", help="folder or URI of the store (default: runs)")
    parser.add_argument("--watch", action="store_true", help="stay and follow until it ends or Ctrl-C")


def _status(options: argparse.Namespace) -> None:
    store, run = _place(options)
    console = Console()
    if not options.watch:
        console.print(view(store, run))
        return
    with Live(view(store, run), console=console, refresh_per_second=2) as live:
        while any(not status.ended for status in _wanted(store, run)):
            time.sleep(_REFRESH_SECONDS)
            live.update(view(store, run))


def _place(options: argparse.Namespace) -> tuple[ArtifactStore, str]:
    if not options.recipe:
        return ArtifactStore(resolve_path(Path.cwd(), options.store)), ""
    file = read_recipe(options.recipe)
    outline = file.whole(RecipeOutline)
    return ArtifactStore(resolve_path(file.folder, outline.store)), outline.name


def _wanted(store: ArtifactStore, run: str) -> list[RunStatus]:
    """Raises UserError where no run has told anything there."""
    found = [status for status in read_statuses(store.root) if run in ("", status.run)]
    if not found:
        what = f"of {run!r} " if run else ""
        raise UserError(
            f"no run {what}has told anything in {store.root}", "", "start one with `hanlin run RECIPE`, or name its --store"
        )
    return found


def view(store: ArtifactStore, run: str = "") -> RenderableType:
    """Every run that is wanted, the newest last."""
    return Group(*(_run_view(store, status) for status in _wanted(store, run)))


def _run_view(store: ArtifactStore, status: RunStatus) -> RenderableType:
    parts: list[RenderableType] = [Text(f"{status.run}   {_life(status)}", style="bold"), stage_table(status.stages)]
    work = status.note("training_plan").get("work")
    if isinstance(work, str):
        parts.extend(_training(store, work))
    return Group(*parts, Text())


def _life(status: RunStatus) -> str:
    where = f"process {status.pid} on {status.host}"
    if status.ended:
        return f"ended {since(status.updated)} ({where})"
    silent = time.time() - status.updated
    if silent < _SILENT_SECONDS:
        return f"running since {since(status.started)} ({where})"
    died = " and is gone" if not _may_live(status) else ""
    return f"no word for {silent:.0f} s ({where}{died}); the same command goes on from what is committed"


def _may_live(status: RunStatus) -> bool:
    return status.host != socket.gethostname() or psutil.pid_exists(status.pid)


def _training(store: ArtifactStore, work: str) -> list[RenderableType]:
    """Where a training run's time went, and its newest incidents."""
    from workloads.training.lost_time import Account
    from workloads.training.overseer import FILE
    from workloads.training.run_folder import RunFolder

    folder = RunFolder.of(store, work)
    account = Account.read(folder)
    parts: list[RenderableType] = []
    if account.starts:
        lost = {cause: f"{seconds:.1f} s" for cause, seconds in sorted(account.lost.items(), key=lambda each: -each[1])}
        parts.append(
            Text(line("goodput", {"share": f"{100 * account.goodput:.1f} %", "useful": f"{account.useful:.1f} s", **lost}))
        )
    for incident in folder.read_lines(FILE)[-_INCIDENTS:]:
        parts.append(Text(f"{since(float(str(incident['time'])))}  {incident['kind']}: {incident['text']}", style="yellow"))
    return parts
