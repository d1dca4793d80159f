"""A trace of hashes becomes prompts that share what the hashes share, at the moments that the trace tells."""

import gzip
import json
from pathlib import Path

from benchmarks.replay.trace import Arrival, made_up_trace, plan_day, read_queries, read_trace

QUERIES = [f"问题{number}" for number in range(50_000)]


def test_a_day_keeps_the_order_and_the_gaps() -> None:
    trace = [Arrival(at, 160, (0, number)) for number, at in enumerate((0, 600, 900, 3600))]
    day = plan_day(trace, QUERIES, 60, len(trace))
    assert [each.at for each in day] == [0, 10, 15, 60]
    assert [each.tokens for each in day] == [10] * 4
    assert [each.stream for each in day] == [True, False, True, False]


def test_whole_conversations_are_kept_and_about_as_many_requests_as_asked_for() -> None:
    trace = made_up_trace(4000)
    day = plan_day(trace, QUERIES, 60, 1000)
    assert 800 < len(day) < 1200
    kept = {each.conversation for each in day}
    assert sum(f"conversation-{each.conversation}" in kept for each in trace) == len(day)


def test_what_shares_blocks_shares_its_beginning_and_what_comes_again_comes_again() -> None:
    blocks = [(0, 1), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5, 6, 7), (0, 1, 2, 3), (0, 9)]
    first, second, third, again, other = plan_day([Arrival(1, 16, each) for each in blocks], QUERIES, 1, len(blocks))
    assert second.messages == again.messages
    assert second.messages[:-1] == third.messages[: len(second.messages) - 1]
    assert [role for role, _ in third.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [role for role, _ in second.messages] == ["system", "user", "assistant", "user"]
    assert first.messages[0] == other.messages[0]
    assert first.messages[1] != other.messages[1]
    assert {each.conversation for each in (first, second, third, again)} == {"conversation-1"}


def test_files_are_read_and_absent_ones_made_up(tmp_path: Path) -> None:
    file = tmp_path / "rows.gz"
    rows = [{"timestamp": 1500, "output_length": 40, "hash_ids": [0, 7], "query": f" {'长' * 90}"}]
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert read_trace(file) == [Arrival(1.5, 40, (0, 7))]
    assert read_queries(file) == ["长" * 40]
    assert len({each.conversation for each in read_trace(tmp_path / "none")}) < 3000
    assert len(read_queries(tmp_path / "none")) == 3000
