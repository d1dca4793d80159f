"""The lines of a batch: requests in, answers out, as OpenAI's batch files have them. Pure, but for reading a file."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.gateway.batch.record import Fault

ENDPOINTS = frozenset(
    {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/score", "/v1/fill-mask", "/v1/classify"}
)
"""Paths that a batch may ask."""
MAX_LINES = 50_000
_MAX_FAULTS = 20


@dataclass(frozen=True)
class Line:
    """One request of a batch."""

    custom_id: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the endpoint answered."""

    status: int
    request_id: str
    body: Any


def read_lines(file: Path) -> Iterator[bytes]:
    """The file's lines that are not empty."""
    with file.open("rb") as handle:
        yield from (line for line in handle if line.strip())


def check(file: Path, endpoint: str) -> tuple[int, tuple[Fault, ...]]:
    """How many requests the file holds, and what is wrong with it: nothing runs until all of it is right."""
    faults: list[Fault] = []
    seen: set[str] = set()
    total = 0
    for total, raw in enumerate(read_lines(file), 1):
        fault = _fault(raw, total, endpoint, seen)
        if fault and len(faults) < _MAX_FAULTS:
            faults.append(fault)
        if total > MAX_LINES:
            return total, (Fault("too_many_requests", f"more than {MAX_LINES} requests; send several batches"),)
    if not total:
        faults.append(Fault("empty_file", "the input file holds no requests"))
    return total, tuple(faults)


def parse(raw: bytes) -> Line:
    """One line that `check` found right."""
    request = orjson.loads(raw)
    return Line(request["custom_id"], request["body"])


def _fault(raw: bytes, number: int, endpoint: str, seen: set[str]) -> Fault | None:
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Fault("invalid_json_line", "the line is not JSON", number)
    if not isinstance(request, dict):
        return Fault("invalid_json_line", "the line is not a JSON object", number)
    name = request.get("custom_id")
    if not isinstance(name, str) or not name or len(name) > 512:
        return Fault("missing_required_parameter", "custom_id must be a text of up to 512 characters", number)
    if name in seen:
        return Fault("duplicate_custom_id", "custom_id was used in a line before", number)
    seen.add(name)
    if request.get("method") != "POST" or request.get("url") != endpoint:
        return Fault("mismatched_endpoint", f"method must be POST and url {endpoint}, as the batch says", number)
    if not isinstance(request.get("body"), dict) or request["body"].get("stream"):
        return Fault("invalid_request", "body must be an object without stream", number)
    return None


def answer_line(line: Line, reply: Reply) -> bytes:
    """A line of an output or error file."""
    response = {"status_code": reply.status, "request_id": reply.request_id, "body": reply.body}
    return _line(line, response, None)


def unanswered_line(line: Line, code: str, message: str) -> bytes:
    """A line of an error file for a request that was never answered."""
    return _line(line, None, {"code": code, "message": message})


def is_answer(raw: bytes) -> bool:
    """Whether a line belongs into the output file, not the error file."""
    response = orjson.loads(raw)["response"]
    return response is not None and response["status_code"] == 200


def _line(line: Line, response: dict[str, Any] | None, error: dict[str, str] | None) -> bytes:
    told = {"id": f"batch_req_{uuid.uuid4().hex}", "custom_id": line.custom_id, "response": response, "error": error}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
