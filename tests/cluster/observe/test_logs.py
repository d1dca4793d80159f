"""Structured logs: one JSON object per line, with what the block around knows, and no secret."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.draft import Draft
from cluster.errors import UserError
from cluster.manifest import Work
from cluster.observe import logs
from cluster.session import Session
from cluster.stage import StageContext, run_stage

LOG = logging.getLogger("cluster.test")


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that reads what was logged so far."""
    file = tmp_path / "logs" / "hanlin.jsonl"
    monkeypatch.setenv("HANLIN_LOG", str(file))
    logs.stop()  # another test's gateway may have begun to log in this process
    logs.start()
    yield lambda: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    logs.stop()


def test_an_event_has_its_facts_and_its_context(lines: Any) -> None:
    with logs.log_context(stage="corpus", request_id="r1"):
        logs.event(LOG, "read", documents=3, file="中文.jsonl")
    logs.event(LOG, "after")
    first, second = lines()
    assert (first["event"], first["level"], first["stage"], first["request_id"]) == ("read", "info", "corpus", "r1")
    assert (first["documents"], first["file"], first["logger"]) == (3, "中文.jsonl", "cluster.test")
    assert first["time"].endswith("+00:00")
    assert "stage" not in second


@pytest.mark.parametrize(
    ("facts", "hidden"),
    [
        ({"auth_token": "abcdef123"}, "abcdef123"),
        ({"Authorization": "Bearer abcdef123"}, "abcdef123"),
        ({"header": "Bearer abcdef123"}, "abcdef123"),
        ({"aws_secret_access_key": "wJalrXUtn"}, "wJalrXUtn"),
        ({"uri": "postgres://hanlin:hunter22@db/x"}, "hunter22"),
        ({"command": "run --set x RAY_AUTH_TOKEN=cafe0123 y"}, "cafe0123"),
        ({"text": "the environment's own-secret-value here"}, "own-secret-value"),
    ],
)
def test_secrets_are_masked(lines: Any, monkeypatch: pytest.MonkeyPatch, facts: dict[str, str], hidden: str) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "own-secret-value")
    logs.event(LOG, "joined", **facts)
    assert hidden not in json.dumps(lines())
    assert "***" in json.dumps(lines())


def test_counts_of_tokens_are_no_secrets(lines: Any) -> None:
    logs.event(LOG, "generated", tokens=7, prompt_tokens=3, tokenizer="abc", token=5)
    assert (lines()[0]["tokens"], lines()[0]["prompt_tokens"], lines()[0]["tokenizer"], lines()[0]["token"]) == (7, 3, "abc", 5)


def test_a_traceback_is_inside_the_line_and_masked(lines: Any) -> None:
    try:
        raise ValueError("password=hunter22")
    except ValueError:
        LOG.exception("broken")
    only = lines()[0]
    assert "ValueError" in only["error"]
    assert "hunter22" not in only["error"]


def test_a_stage_tells_its_start_and_its_end(lines: Any, context: StageContext) -> None:
    def build(draft: Draft) -> dict[str, int]:
        draft.write("x.txt", b"x")
        return {"kept": 1}

    def fail(draft: Draft) -> None:
        raise ValueError("broken")

    work = Work("corpus", {"rule": 1}, {}, 1)
    run_stage(context, "corpus", "documents", work, build)
    run_stage(context, "corpus", "documents", work, build)
    with pytest.raises(ValueError, match="broken"):
        run_stage(context, "corpus", "documents", Work("corpus", {"rule": 2}, {}, 1), fail)
    told = [(line["event"], line.get("outcome"), line["run"], line["stage"]) for line in lines()]
    rest = ("test", "corpus")
    assert told == [
        ("stage_start", None, *rest),
        ("stage_end", "done", *rest),
        ("stage_end", "already done", *rest),
        ("stage_start", None, *rest),
        ("stage_end", "failed", *rest),
    ]
    assert lines()[-1]["error"] == "ValueError: broken"
    assert lines()[-1]["level"] == "error"
    assert lines()[1]["kept"] == 1


def test_nothing_is_said_where_nobody_asked(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANLIN_LOG", raising=False)
    logs.start()
    logs.event(LOG, "unheard")
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LOG", str(tmp_path))
    with pytest.raises(UserError, match=r"HANLIN_LOG=.*directory.*stderr, or a file"):
        logs.start()


def test_an_event_inside_of_ray_has_its_job(lines: Any, ray_session: Session) -> None:
    import ray

    logs.event(LOG, "here")
    assert lines()[0]["job"] == ray.get_runtime_context().get_job_id()


def test_an_actor_logs_among_rays_logs_and_turns_its_file_over(
    ray_session: Session, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HANLIN_LOG", raising=False)
    monkeypatch.setattr(logs, "_FILE_BYTES", 400)
    logs.stop()  # another test's gateway may have begun to log in this process
    logs.start_among_rays("tester")
    try:
        for number in range(6):
            logs.event(LOG, "seen", number=number)
        logs.event(LOG, "broken", logging.ERROR)
    finally:
        logs.stop()
    files = sorted((Path(ray_session.log_folder) / "serve").glob("tester_*.jsonl*"), reverse=True)
    told = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line.get("number") for line in told] == [0, 1, 2, 3, 4, 5, None]
    assert 1 < len(files) <= 4
    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines() if line.startswith("{")] == ["broken"]
