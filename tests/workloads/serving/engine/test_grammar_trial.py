"""A grammar is tried once in a process that may take so much and no more."""

import json
import subprocess
from typing import Any

import pytest

from workloads.serving.engine import grammar_trial
from workloads.serving.engine.base import Grammar
from workloads.serving.engine.grammar_trial import Trials

FIELDS = {f"字段{number}": {"type": "string", "pattern": "[a-z]{1,100}"} for number in range(1000)}


@pytest.mark.parametrize(
    "grammar",
    [
        Grammar("json_object"),
        Grammar("regex", "((((a?){30}){30}){30}){30}"),
        Grammar("regex", "(a|a)*" * 600 + "b"),
        Grammar("json_schema", json.dumps({"enum": [f"词{number}" for number in range(5000)]})),
        Grammar("json_schema", json.dumps({"type": "object", "properties": FIELDS, "additionalProperties": False})),
        Grammar("json_schema", '{"type": "integer", "multipleOf": 1000}'),
    ],
)
def test_what_is_large_but_bounded_passes(grammar: Grammar) -> None:
    assert Trials().fault(grammar) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"type": "integer", "multipleOf": 100000007}', "too long or too much memory"),
        (
            '{"allOf": [{"type": "integer", "multipleOf": 9973}, {"type": "integer", "multipleOf": 9967}]}',
            "too long or too much",
        ),
        ('{"type": "string", "pattern": "' + "(" * 5000 + ")" * 5000 + '"}', "regex parse error"),
        ('{"type": "夜"}', "Invalid type"),
    ],
)
def test_what_would_hold_up_others_does_not_pass(text: str, reason: str) -> None:
    assert reason in Trials().fault(Grammar("json_schema", text))


def test_each_is_tried_once_and_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def run(command: Any, input: str, **options: Any) -> subprocess.CompletedProcess[str]:
        tried.append(json.loads(input)["text"])
        return subprocess.CompletedProcess(command, 0, "bad" if "b" in input.partition('"text"')[2] else "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(grammar_trial, "_MOST_KNOWN", 2)
    trials = Trials()
    faults = [trials.fault(Grammar("regex", text)) for text in ("a", "b", "a", "b", "c", "a", "b")]
    assert faults == ["", "bad", "", "bad", "", "", "bad"]
    assert tried == ["a", "b", "c", "a", "b"]


def test_a_process_that_hangs_counts_as_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    assert "too long" in Trials().fault(Grammar("regex", "a"))
