"""Batches: through the same endpoint, in order, with what failed beside; cancelled, and gone on with by the next gateway."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from app.gateway.batch.inside import Inside
from app.gateway.batch.lines import Reply
from app.gateway.batch.record import Batch
from app.gateway.batch.runner import PART_LINES, BatchRunner
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from cluster.errors import OverloadedError, StorageError
from tests.app.gateway.batch.test_files import upload
from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.test_http import CHAT, QUESTION, spelled
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request

LINE = {"method": "POST", "url": CHAT, "body": {"model": "tiny", "messages": QUESTION}}


def lines(*bodies: dict[str, Any]) -> bytes:
    made = [LINE | {"custom_id": str(number)} | body for number, body in enumerate(bodies)]
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in made).encode()


def created(endpoint: Endpoint, content: bytes) -> str:
    body = {"input_file_id": upload(endpoint, content), "endpoint": CHAT, "completion_window": "24h", "metadata": {"a": "b"}}
    response = endpoint.request("POST", "/v1/batches", json=body)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "validating"
    return str(response.json()["id"])


def shown(endpoint: Endpoint, name: str) -> Any:
    return endpoint.request("GET", f"/v1/batches/{name}").json()


def content(endpoint: Endpoint, file: str) -> list[Any]:
    return [json.loads(line) for line in endpoint.request("GET", f"/v1/files/{file}/content").text.splitlines()]


def test_a_batch_is_answered_line_by_line(keeping: Endpoint, worker: BatchWorker, card: ModelCard) -> None:
    keeping.upstream.script = spelled(card, "一座。", "stop")
    name = created(keeping, lines({}, {"body": {"model": "none", "messages": QUESTION}}, {"custom_id": "尾"}))
    asyncio.run(worker.round())
    batch = shown(keeping, name)
    assert (batch["status"], batch["metadata"], batch["errors"]) == ("completed", {"a": "b"}, None)
    assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    good = content(keeping, batch["output_file_id"])
    assert [each["custom_id"] for each in good] == ["0", "尾"]
    assert good[0]["response"]["body"]["choices"][0]["message"]["content"] == "一座。"
    assert good[0]["response"]["request_id"]
    (bad,) = content(keeping, batch["error_file_id"])
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("1", 404)
    assert bad["response"]["body"]["error"]["code"] == "model_not_found"
    assert batch["completed_at"] >= batch["in_progress_at"] >= batch["created_at"]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"{bad\n", "invalid_json_line", 1),
        (b"[]", "invalid_json_line", 1),
        (b"[" * 100_000, "invalid_json_line", 1),
        (lines({}) + b"\n\xff", "invalid_json_line", 2),
        (b'{"custom_id": "\\ud800"}', "invalid_json_line", 1),
        (b'{"custom_id": NaN}', "invalid_json_line", 1),
        (lines({}, {"custom_id": "0"}), "duplicate_custom_id", 2),
        (lines({"custom_id": 5}), "missing_required_parameter", 1),
        (lines({"url": "/v1/completions"}), "mismatched_endpoint", 1),
        (lines({"body": {"stream": True}}), "invalid_request", 1),
    ],
)
def test_a_file_that_is_wrong_fails_before_anything_runs(
    keeping: Endpoint, worker: BatchWorker, text: bytes, code: str, line: int | None
) -> None:
    name = created(keeping, text)
    asyncio.run(worker.round())
    batch = shown(keeping, name)
    assert batch["status"] == "failed"
    assert (batch["errors"]["data"][0]["code"], batch["errors"]["data"][0]["line"]) == (code, line)
    assert keeping.upstream.asked == []


def test_a_busy_endpoint_is_asked_again(keeping: Endpoint, batches: BatchStore, card: ModelCard) -> None:
    """Once, after as long as it said."""
    busy = [True]

    def script(request: Request) -> list[Chunk | Exception]:
        return [OverloadedError("too many")] if busy.pop() else [Chunk(finish="stop")]

    keeping.upstream.script = script
    busy[:0] = [False]
    inside, waits = Inside(keeping.app), []

    async def ask(owner: str, path: str, body: dict[str, object]) -> tuple[Reply, float]:
        reply, wait = await inside.ask(owner, path, body)
        waits.append(wait)
        return reply, min(wait, 0.01)

    name = created(keeping, lines({}))
    asyncio.run(BatchWorker(batches, BatchRunner(batches, ask)).round())
    assert shown(keeping, name)["request_counts"]["completed"] == 1
    assert waits == [2.0, 0.0]


def test_a_cancelled_batch_keeps_what_was_answered(keeping: Endpoint, batches: BatchStore) -> None:
    name = created(keeping, lines(*[{}] * (PART_LINES + 1)))
    inside = Inside(keeping.app)

    async def ask(owner: str, path: str, body: dict[str, object]) -> tuple[Reply, float]:
        batches.cancel(batches.show("", name))
        return await inside.ask(owner, path, body)

    asyncio.run(BatchWorker(batches, BatchRunner(batches, ask)).round())
    batch = shown(keeping, name)
    assert batch["status"] == "cancelled"
    counts = batch["request_counts"]
    assert counts["completed"] + counts["failed"] == PART_LINES
    assert len(content(keeping, batch["output_file_id"])) == counts["completed"] > 0
    again = keeping.request("POST", f"/v1/batches/{name}/cancel")
    assert again.status_code == 400
    assert "is cancelled" in again.json()["error"]["message"]


def test_one_that_waits_is_cancelled_at_once(keeping: Endpoint, worker: BatchWorker) -> None:
    name = created(keeping, lines({}))
    assert keeping.request("POST", f"/v1/batches/{name}/cancel").json()["status"] == "cancelling"
    assert shown(keeping, name)["status"] == "cancelling"
    asyncio.run(worker.round())
    assert shown(keeping, name)["status"] == "cancelled"
    assert keeping.upstream.asked == []


def test_the_next_gateway_goes_on_where_one_was_lost(keeping: Endpoint, worker: BatchWorker, batches: BatchStore) -> None:
    """What was committed is not asked again; the claim of a living gateway is honoured."""
    name = created(keeping, lines(*[{}] * (2 * PART_LINES + 3)))
    inside = Inside(keeping.app)

    async def lost() -> None:
        asked = 0

        async def ask(owner: str, path: str, body: dict[str, object]) -> tuple[Reply, float]:
            nonlocal asked
            asked += 1
            if asked > PART_LINES + 5:
                raise asyncio.CancelledError
            return await inside.ask(owner, path, body)

        with pytest.raises(asyncio.CancelledError):
            await BatchWorker(batches, BatchRunner(batches, ask)).round()

    asyncio.run(lost())
    assert shown(keeping, name)["status"] == "in_progress"
    before = len(keeping.upstream.asked)
    with batches.running(batches.show("", name)):
        asyncio.run(worker.round())
    assert len(keeping.upstream.asked) == before
    asyncio.run(worker.round())
    batch = shown(keeping, name)
    assert batch["request_counts"] == {"total": 2 * PART_LINES + 3, "completed": 2 * PART_LINES + 3, "failed": 0}
    assert [each["custom_id"] for each in content(keeping, batch["output_file_id"])] == [
        str(number) for number in range(2 * PART_LINES + 3)
    ]
    assert len(keeping.upstream.asked) - before == PART_LINES + 3


def test_one_that_cannot_be_run_leaves_the_others_alone(
    keeping: Endpoint,
    worker: BatchWorker,
    batches: BatchStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = sorted([created(keeping, lines({})), created(keeping, lines({}))])
    save = batches.save

    def broken(batch: Batch) -> None:
        if batch.id == first:
            raise StorageError("the disk is full")
        save(batch)

    monkeypatch.setattr(batches, "save", broken)
    asyncio.run(worker.round())
    assert "the disk is full" in caplog.text
    assert shown(keeping, second)["status"] == "completed"
    monkeypatch.undo()
    asyncio.run(worker.round())
    assert shown(keeping, first)["status"] == "completed"


def test_one_that_took_too_long_is_expired(keeping: Endpoint, worker: BatchWorker, batches: BatchStore) -> None:
    name = created(keeping, lines({}))
    batches.save(replace(batches.show("", name), expires_at=0))
    asyncio.run(worker.round())
    assert shown(keeping, name)["status"] == "expired"


def test_a_removed_input_fails_the_batch(keeping: Endpoint, worker: BatchWorker) -> None:
    name = created(keeping, lines({}))
    keeping.request("DELETE", f"/v1/files/{shown(keeping, name)['input_file_id']}")
    asyncio.run(worker.round())
    assert shown(keeping, name)["status"] == "failed"
    assert shown(keeping, name)["errors"]["data"][0]["code"] == "file_not_found"


def test_lists_and_what_is_refused(keeping: Endpoint) -> None:
    first, second = created(keeping, lines({})), created(keeping, lines({}))
    assert {batch["id"] for batch in keeping.request("GET", "/v1/batches").json()["data"]} == {first, second}
    good = {"input_file_id": upload(keeping), "endpoint": CHAT, "completion_window": "24h"}
    for change, status in (
        ({"endpoint": "/v1/batches"}, 400),
        ({"completion_window": "1h"}, 400),
        ({"input_file_id": "file-none"}, 404),
        ({"input_file_id": "../x"}, 400),
        ({"metadata": {"a": 1}}, 400),
    ):
        assert keeping.request("POST", "/v1/batches", json=good | change).status_code == status
    assert keeping.request("GET", "/v1/batches/batch_none").status_code == 404
