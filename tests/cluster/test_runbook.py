"""Every command that the runbook shows is one that its program takes, and leads to where a cluster of ours listens."""

import re
import shlex
from pathlib import Path

import click
import pytest
from ray.scripts.scripts import cli

from app.cli import parse
from tests.cluster.monitoring.test_alerts import sections

RUNBOOK = (Path(__file__).resolve().parents[2] / "cluster" / "runbook.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"^```\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
COMMANDS = LINES + [line for line in re.findall(r"`([^`\n]+)`", RUNBOOK) if line.startswith("hanlin ")]


def words_of(line: str, program: str) -> list[str] | None:
    """What follows the program on a line, up to the end of that command; None for another program's line."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars="();<>|&"))
    if program not in words:
        return None
    rest = shlex.split(line[line.index(f"{program} ") :], comments=True)[1:]
    return rest[: next((at for at, word in enumerate(rest) if word in (">", "|", "&", "2>", "&&")), len(rest))]


def ray_takes(words: list[str]) -> None:
    """Raises click's own error where Ray's command line does not take them."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        name, *words = words
        if name not in command.commands:
            raise click.UsageError(f"no command {name}")
        command = command.commands[name]
    with command.make_context(command.name, words):
        return


@pytest.mark.parametrize("line", [line for line in COMMANDS if words_of(line, "hanlin") is not None])
def test_hanlin_takes_the_command(line: str) -> None:
    words = words_of(line, "hanlin")
    assert words is not None
    parse(words)  # exits where it does not


@pytest.mark.parametrize("line", [line for line in COMMANDS if words_of(line, "ray") is not None])
def test_ray_takes_the_command(line: str) -> None:
    words = words_of(line, "ray")
    assert words is not None
    ray_takes(words)
    if words[0] == "exec" and (inner := words_of(words[2], "ray")) is not None:
        ray_takes(inner)
        assert words[2].startswith("RAY_AUTH_MODE=token "), "a shell of the head has the token and not the mode"


@pytest.mark.parametrize("words", [["job", "stopp", "1"], ["up"], ["exec", "CONFIG", "ls", "--no-such"], ["statuss"]])
def test_a_command_that_ray_does_not_take_would_be_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        ray_takes(words)


def test_the_runbook_has_commands() -> None:
    assert sum(words_of(line, "hanlin") is not None for line in COMMANDS) > 8
    assert sum(words_of(line, "ray") is not None for line in COMMANDS) > 8


def test_the_job_api_is_asked_where_it_listens() -> None:
    """On the head's loopback, which `ray dashboard` brings here; never at the head's address."""
    assert "http://HEAD" not in RUNBOOK
    assert "ray dashboard CONFIG" in RUNBOOK


def test_every_failure_of_the_table_has_its_section_with_command_and_time() -> None:
    rows = re.findall(r"^\| \[([^]]+)\]\(#([a-z-]+)\) \| (.+?) \| (.+?) \| (.+?) \|$", RUNBOOK, re.MULTILINE)
    assert {anchor for _, anchor, *_ in rows} == set(sections(RUNBOOK))
    for _, anchor, noticed, _, expected in rows:
        assert noticed
        assert re.search(r"\d", expected)
        assert "```" in sections(RUNBOOK)[anchor]
        assert re.search(r"\*\*Expected time\*\*: .*\d", sections(RUNBOOK)[anchor])
