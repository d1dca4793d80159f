"""release start|status|promote|abort|rollback: lead a served model from one revision to the next."""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from app.recipe import Recipe, load_recipe
from app.registry.audit import actor
from app.registry.registry import open_registry
from app.registry.revision import CANDIDATE
from app.release.compare import GOALS
from app.release.course import told_step
from app.release.desk import Desk, Wish
from app.release.state import Release
from cluster.errors import UnavailableError, UserError
from cluster.observe.progress import SilentReporter
from cluster.stage import StageContext, open_context

_ANSWER_SECONDS = 15.0
_POLL_SECONDS = 0.1


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "release", "lead a served model to another revision in steps, and back", _status)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    for name, purpose, command in (
        ("start", "begin to release a revision beside the one that is served", _start),
        ("status", "print how far the newest release is and what speaks for and against it", _status),
        ("promote", "give the new revision all requests now", _promote),
        ("abort", "end the release; the old revision takes all requests", _abort),
        ("rollback", "go back to the old revision, also after the release is over", _rollback),
    ):
        parser = verb(actions, name, purpose, command)
        add_recipe(parser)
        if name == "status":
            parser.add_argument("--json", action="store_true", help="print everything as JSON")
            continue
        parser.add_argument("--reason", default="", help="kept in the audit log")
        if name == "start":
            parser.add_argument("--revision", default=CANDIDATE, help=f"its number or alias (default: {CANDIDATE})")
            parser.add_argument("--compare", choices=GOALS, default="", help="A/B: hold one share until this differs for sure")
            parser.add_argument("--share", type=float, default=0.5, help="share of the new one in A/B (default: 0.5)")
            parser.add_argument(
                "--most-samples", type=int, default=0, help="end A/B without a winner after so many (default: never)"
            )


def _open(options: argparse.Namespace) -> tuple[Recipe, StageContext, Desk]:
    file, recipe = load_recipe(options.recipe, options.overrides)
    context = open_context(file, SilentReporter())
    return recipe, context, Desk(context.store, recipe.registry.name or context.name)


def _start(options: argparse.Namespace) -> None:
    recipe, context, desk = _open(options)
    if not 0 < options.share < 1:
        raise UserError(f"--share {options.share:g}", "more than 0 and less than 1", "0.5 decides soonest")
    revision = open_registry(recipe.registry, context).admit(options.revision)
    wish = Wish("start", _reason(options), revision.number, options.compare, options.share, options.most_samples)
    _ask(desk, wish, f"it starts when {revision.model} is served")


def _promote(options: argparse.Namespace) -> None:
    _ask(_open(options)[2], Wish("promote", _reason(options)))


def _abort(options: argparse.Namespace) -> None:
    _ask(_open(options)[2], Wish("abort", _reason(options)))


def _rollback(options: argparse.Namespace) -> None:
    _ask(_open(options)[2], Wish("rollback", _reason(options)))


def _reason(options: argparse.Namespace) -> str:
    return f"{options.reason or 'by hand'} ({actor()})"


def _ask(desk: Desk, wish: Wish, otherwise: str = "") -> None:
    """Leave the wish and tell what became of it. Raises UserError where it was refused."""
    name, end = desk.ask(wish), time.monotonic() + _ANSWER_SECONDS
    while name in desk.waiting():
        if time.monotonic() > end:
            if otherwise:
                print(f"nobody serves it now; {otherwise}")
                return
            desk.done(name)
            raise UnavailableError(
                "nobody serves this model now", "a release is led by what `hanlin serve` started", "serve it"
            )
        time.sleep(_POLL_SECONDS)
    look, release = desk.look(), desk.load()
    if look and look.note:
        raise UserError(look.note)
    if release:
        print(_headline(release))


def _status(options: argparse.Namespace) -> None:
    desk = _open(options)[2]
    release, look = desk.load(), desk.look()
    if options.json:
        print(json.dumps({"release": asdict(release) if release else None, "look": asdict(look) if look else None}))
        return
    if release is None:
        print("no release so far; start one with `hanlin release start`")
        return
    print(_headline(release))
    if look and look.waits_for and not release.phase.final:
        age = time.time() - look.at
        print(f"waits for {look.waits_for}" + (f" (seen {age:.0f} s ago: is it being served?)" if age > 10 else ""))
    console = Console()
    console.print(_decisions(release))
    if look and look.checks and not release.phase.final:
        console.print(_checks(look.checks))


def _headline(release: Release) -> str:
    return f"{release.model}: {release.old} -> {release.new}, {told_step(release)} (release {release.id})"


def _decisions(release: Release) -> Table:
    table = Table("time", "decision", "share", "reason", box=None, header_style="dim")
    for each in release.decisions:
        at = datetime.fromtimestamp(each.at).strftime("%m-%d %H:%M:%S")
        table.add_row(at, each.action, f"{each.share:.0%}", each.reason)
    return table


def _checks(checks: Mapping[str, str]) -> Table:
    table = Table("check", "new against old", box=None, header_style="dim")
    for name, text in checks.items():
        table.add_row(name, text)
    return table
