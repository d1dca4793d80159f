"""Submitting a job: whatever answers at the address, or nothing, is told in one line. A whole job: tests/slow/cluster."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import ray

from app.cli import main
from app.recipe import load_recipe
from app.submit import _follow, travelling
from cluster.errors import TrainingError, UnavailableError

Answer = Callable[[str], tuple[int, bytes]]
VERSION = json.dumps({"version": "4", "ray_version": ray.__version__, "ray_commit": "x", "session_name": "s"}).encode()


@pytest.fixture
def dashboard() -> Iterator[Callable[[Answer], str]]:
    """`dashboard(answer)`: the URL of a server that answers every path so."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_PUT(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None: ...

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: shop\ncorpus: {inputs: [data]}\n", encoding="utf-8")
    return str(file)


def refused(capsys: pytest.CaptureFixture[str], recipe: str, address: str) -> str:
    assert main(["submit", recipe, "--address", address]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize("status", [401, 403])
def test_a_stale_token_is_one_line(
    dashboard: Callable[[Answer], str],
    recipe: str,
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "stale" * 12)
    url = dashboard(lambda path: (status, b"Unauthorized"))
    error = refused(capsys, recipe, url)
    assert f"the cluster at {url} refused the authentication token" in error
    assert "fetch the token again" in error
    assert "stale" not in error


@pytest.mark.parametrize("body", [b"<html>some other page</html>", b"{}", b"[1]"])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_something_else_at_the_address(
    dashboard: Callable[[Answer], str], recipe: str, status: int, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no Ray dashboard answers at http://127.0.0.1" in refused(capsys, recipe, dashboard(lambda path: (status, body)))


@pytest.mark.parametrize("address", ["127.0.0.1:8265", "ray://127.0.0.1:10001", "http://127.0.0.1:9", "http://"])
def test_an_address_where_there_is_none(recipe: str, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"no Ray dashboard answers at {address}; an address like http://host:8265" in refused(capsys, recipe, address)


def test_the_address_that_is_given_goes_before_that_of_the_environment(
    dashboard: Callable[[Answer], str], recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return (200, VERSION) if path == "/api/version" else (500, b"no")

    other = dashboard(lambda path: (403, b"not this one"))
    monkeypatch.setenv("RAY_ADDRESS", other)
    assert "no Ray dashboard answers" in refused(capsys, recipe, dashboard(answer))
    assert any("/api/packages/" in path for path in asked), "the job was on its way to the cluster that was named"


class Jobs:
    """A job whose log ends, or breaks off with an error, and then has a status."""

    def __init__(self, status: str, error: Exception | None = None) -> None:
        self._status, self._error = status, error

    async def tail_job_logs(self, job: str):  # type: ignore[no-untyped-def]
        yield "first line\n"
        if self._error is not None:
            raise self._error

    def get_job_status(self, job: str) -> object:
        from ray.job_submission import JobStatus

        return JobStatus(self._status)


def test_the_log_is_passed_on_until_the_job_has_ended() -> None:
    seen: list[str] = []
    _follow(Jobs("SUCCEEDED"), "job-1", seen.append)  # type: ignore[arg-type]
    assert seen == ["first line\n"]
    with pytest.raises(TrainingError, match="job job-1 ended as FAILED"):
        _follow(Jobs("FAILED"), "job-1", seen.append)  # type: ignore[arg-type]


@pytest.mark.parametrize("jobs", [Jobs("RUNNING"), Jobs("RUNNING", RuntimeError("closed")), Jobs("RUNNING", OSError("gone"))])
def test_a_log_that_breaks_off_is_no_failed_job(jobs: Jobs) -> None:
    with pytest.raises(UnavailableError, match="broke off before the job ended; it goes on"):
        _follow(jobs, "job-1", lambda text: None)  # type: ignore[arg-type]


def test_local_paths_travel_as_absolute_ones(recipe: str, tmp_path: Path) -> None:
    file, parsed = load_recipe(recipe, ["store=s3://bucket/runs"])
    sent = travelling(file, parsed)
    assert (sent.store, sent.corpus.inputs[0].path) == ("s3://bucket/runs", str(tmp_path / "data"))
