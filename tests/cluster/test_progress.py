"""Progress: one line per event without a terminal, a table on one, and events that come from remote processes."""

import io

import pytest
import ray
from rich.console import Console

from cluster.observe.board import Board, News, open_board
from cluster.observe.progress import LineReporter, LiveReporter, StageState, line
from cluster.session import Session


def test_a_line_quotes_text_with_spaces_and_shortens_numbers() -> None:
    assert line("progress", {"stage": "demo text", "loss": 3.14159, "n": 12}) == 'progress stage="demo text" loss=3.142 n=12'


def test_lines_tell_start_end_and_outcome() -> None:
    stream = io.StringIO()
    reporter = LineReporter(stream)
    reporter.start("corpus", "documents", total=10)
    reporter.advance("corpus", 10)
    reporter.finish("corpus", "done", kept=9)
    reporter.note("fallback", reason="no GPU")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "stage_start stage=corpus total=10"
    assert lines[1].startswith("stage_end stage=corpus outcome=done seconds=")
    assert lines[1].endswith("kept=9")
    assert lines[2] == 'fallback reason="no GPU"'


def test_progress_lines_have_rate_and_time_left_and_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    reporter = LineReporter(stream)
    reporter.start("corpus", "documents", total=100)
    reporter.advance("corpus", 10)
    assert "progress" not in stream.getvalue(), "the next line is not due yet"
    monkeypatch.setattr("cluster.observe.progress._QUIET_SECONDS", 0)
    reporter.advance("corpus", 40, loss=2.5)
    told = stream.getvalue().splitlines()[-1]
    assert told.startswith("progress stage=corpus documents=40 total=100 documents_per_second=")
    assert "eta_seconds=" in told
    assert told.endswith("loss=2.5")


def test_rate_and_eta_count_from_the_first_event() -> None:
    state = StageState("training", "tokens", 1000, started=0.0, done=300, first_counted=1.0, first_done=100, ended=3.0)
    assert state.rate == 100.0
    assert state.eta_seconds == 7.0


def test_what_is_done_again_does_not_spoil_the_rate() -> None:
    reporter = LineReporter(io.StringIO())
    reporter.start("training", "tokens", total=100)
    reporter.advance("training", 60)
    reporter.advance("training", 10)
    (state,) = reporter._stages.values()
    assert (state.done, state.first_done) == (10, 10)


def test_a_terminal_shows_every_stage() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with LiveReporter(console) as reporter:
        reporter.start("training", "tokens", total=100)
        reporter.advance("training", 50, loss=2.5)
        reporter.finish("corpus", "already done")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "training" in text
    assert "50 %" in text
    assert "already done" in text


def test_remote_events_reach_the_reporter_and_a_stop_reaches_the_remote(ray_session: Session) -> None:
    stream = io.StringIO()
    reporter = LineReporter(stream)
    reporter.start("training", "tokens")

    def work(board: Board) -> list[bool]:
        board.tell("incident", kind="hang")
        board.pace(0, 1.5)
        before = ray.get(board.post("training", 5, total=10, loss=1.0))
        board.ask_to_stop()
        return [before, ray.get(board.post("training", 10, loss=0.5))]

    news: list[News] = []
    with open_board(reporter, news.append) as board:
        assert ray.get(ray.remote(work).options(num_cpus=0).remote(board)) == [False, True]
    reporter.finish("training")
    assert stream.getvalue().rstrip().endswith("loss=0.5")
    assert "incident kind=hang" in stream.getvalue().splitlines()
    assert [each.paces for each in news if each.paces] == [{0: 1.5}]
