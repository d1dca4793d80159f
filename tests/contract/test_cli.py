"""The command line is a contract: verbs and options only grow. The README shows commands that exist."""

import argparse
import re
from pathlib import Path

import pytest

from app.cli import build_parser
from app.commands import endpoint
from app.commands.corpus import with_action

ROOT = Path(__file__).resolve().parents[2]

VERBS = {
    "init": {"name"},
    "recipe": {"recipe", "--set"},
    "doctor": {"--folder", "--port"},
    "demo-corpus": {"folder", "--seed", "--documents"},
    "run": {"recipe", "--set", "--address", "--cpus"},
    "plan": {"budget", "fit"},
    "tune": {"recipe", "--set", "--address", "--cpus", "--json"},
    "corpus": {"run", "preview", "plan", "train-quality", "train-perplexity", "why", "remove"},
    "tokenizer": {"recipe", "--set", "--address", "--cpus"},
    "train": {"recipe", "--set", "--address", "--cpus", "--resume"},
    "evaluate": {"recipe", "--set", "--address", "--cpus"},
    "status": {"recipe", "--store", "--watch"},
    "submit": {"recipe", "--set", "--address", "--no-wait"},
    "artifacts": {"list", "show", "verify", "gc"},
    "models": {"list", "show", "promote", "rollback", "audit"},
    "adapters": {"add", "list", "remove"},
    "release": {"start", "status", "promote", "abort", "rollback"},
    "serve": {"run", "plan"},
    "keys": {"create", "list", "revoke", "rotate"},
    "cache": {"propose", "calibrate"},
    "chat": {"--url", "--model", "--temperature", "--max-tokens", "--system"},
    "cluster": {"up", "status", "add", "kill", "down", "file"},
    "backup": {"to", "--store", "--recipe", "--artifacts"},
    "restore": {"source", "--store", "--recipe", "--replace"},
    "demo": {"--folder", "--keep", "--set", "--address", "--cpus"},
}


def verbs() -> dict[str, argparse.ArgumentParser]:
    return dict(_choices(build_parser()))


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


def _words(parser: argparse.ArgumentParser) -> set[str]:
    words = {(action.option_strings or [action.dest])[0] for action in parser._actions}
    return (words | set(_choices(parser))) - {"-h"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_keeps_its_arguments(verb: str) -> None:
    assert VERBS[verb] <= _words(verbs()[verb])


def test_no_verb_is_without_a_place_in_the_contract() -> None:
    assert set(verbs()) == set(VERBS)


def test_plan_keeps_its_arguments() -> None:
    actions = _choices(verbs()["plan"])
    budget = {
        "recipe",
        "--set",
        "--gpu-hours",
        "--hours",
        "--by",
        "--serving-memory",
        "--tokens",
        "--gpu",
        "--mfu",
        "--machines",
    }
    assert budget | {"--price", "--epochs", "--json"} <= _words(actions["budget"])
    assert {"recipe", "--set", "--address", "--cpus", "--widths", "--ladder-tokens"} <= _words(actions["fit"])


def test_serve_keeps_its_arguments() -> None:
    actions = _choices(verbs()["serve"])
    assert {"recipe", "--set", "--address", "--cpus", "--revision"} <= _words(actions["run"])
    traffic = {"--requests-per-second", "--requests-per-day", "--peak", "--prompt-tokens", "--answer-tokens"}
    machines = {"--machine-cpus", "--machine-memory", "--processor", "--first-token", "--per-token"}
    assert {"recipe", "--set", "--measure", "--revision", "--json"} | traffic | machines <= _words(actions["plan"])


def test_serve_takes_a_recipe_alone_too() -> None:
    options = build_parser().parse_args(endpoint.with_action(["serve", "r.yaml", "--revision", "2"]))
    assert (options.recipe, options.revision) == ("r.yaml", "2")
    assert endpoint.with_action(["serve", "plan", "r.yaml"]) == ["serve", "plan", "r.yaml"]


def test_keys_keep_their_arguments() -> None:
    actions = _choices(verbs()["keys"])
    assert {"recipe", "--set", "--tenant", "--scope", "--days"} <= _words(actions["create"])
    assert {"recipe", "--set"} <= _words(actions["list"])
    assert {"recipe", "--set", "key"} <= _words(actions["revoke"])
    assert {"recipe", "--set", "key", "--grace-hours"} <= _words(actions["rotate"])


def test_cache_keeps_its_arguments() -> None:
    actions = _choices(verbs()["cache"])
    shared = {"recipe", "--set", "--url", "--model", "--to"}
    assert shared | {"questions", "--most"} <= _words(actions["propose"])
    assert shared | {"pairs", "--wrong", "--confidence"} <= _words(actions["calibrate"])


def test_adapters_keep_their_arguments() -> None:
    actions = _choices(verbs()["adapters"])
    assert {"recipe", "--set", "name", "folder", "--revision"} <= _words(actions["add"])
    assert {"recipe", "--set"} <= _words(actions["list"])
    assert {"recipe", "--set", "name"} <= _words(actions["remove"])


def test_release_keeps_its_arguments() -> None:
    actions = _choices(verbs()["release"])
    assert {"recipe", "--set", "--reason", "--revision", "--compare", "--share", "--most-samples"} <= _words(actions["start"])
    assert {"recipe", "--set", "--json"} <= _words(actions["status"])
    for name in ("promote", "abort", "rollback"):
        assert {"recipe", "--set", "--reason"} <= _words(actions[name])


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_commands_that_exist(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    shown = set(re.findall(r"hanlin ([a-z][a-z-]*)", text))
    assert shown
    assert shown <= set(verbs())
    for target in re.findall(r"make ([a-z-]+)", text):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_corpus_takes_a_recipe_alone_too() -> None:
    options = build_parser().parse_args(with_action(["corpus", "r.yaml", "--set", "seed=1", "--cpus", "2"]))
    assert (options.recipe, options.overrides, options.cpus) == ("r.yaml", ["seed=1"], 2)
    assert with_action(["run", "r.yaml"]) == ["run", "r.yaml"]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md", "cluster/runbook.md", "cluster/kubernetes/README.md"])
def test_a_job_that_a_document_submits_is_placed_off_the_head(readme: str) -> None:
    """Ray puts a driver that asks for nothing on the head, with which it would die."""
    shown = re.findall(r"^ *ray job submit .*$", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE)
    assert shown or not readme.startswith("README")
    assert [line for line in shown if not re.search(r"--entrypoint-(memory|num-cpus) \d", line)] == []
