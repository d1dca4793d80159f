"""Structured logs: one JSON object per line with time, level, event, job, stage and request id; secrets masked.

For programs that collect logs; what a person watches is progress.py. `start` is called once by each kind of process.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from cluster import environment
from cluster.errors import UserError

Fact = str | int | float | bool | None
_FLOORS = ("app", "workloads", "cluster")
_RESERVED = ("time", "level", "event", "logger")
_MASK = "***"
_SECRET_KEY = re.compile(r"(^|[_-])(token|secret|password|passwd|key|authorization|credentials?|cookie)$", re.IGNORECASE)
_SECRET_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {_MASK}"),
    (re.compile(r"(://[^/\s:@]+):[^/\s@]+@"), rf"\1:{_MASK}@"),
    (re.compile(r"(?i)\b([\w-]*(?:token|secret|password|api[_-]?key))(\s*[=:]\s*)[\"']?[^\s\"',;&]+"), rf"\1\2{_MASK}"),
)
for _floor in _FLOORS:  # else Python prints bare warnings where no log was started
    logging.getLogger(_floor).addHandler(logging.NullHandler())
_context: ContextVar[Mapping[str, Fact]] = ContextVar("hanlin_log_context", default={})  # noqa: B039  # never changed in place


@contextmanager
def log_context(**facts: Fact) -> Iterator[None]:
    """Facts that every event of the block carries, also in tasks and threads that copy the context."""
    token = _context.set({**_context.get(), **facts})
    try:
        yield
    finally:
        _context.reset(token)


def context_fact(name: str) -> str:
    """What `log_context` says now; empty where it says nothing."""
    return str(_context.get().get(name) or "")


def event(logger: logging.Logger, name: str, level: int = logging.INFO, **facts: Fact) -> None:
    """Log one event with its facts."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"facts": facts})


def start(default: str = "") -> None:
    """Send the events of this process's own code where HANLIN_LOG says (`stderr`, or a file to append to), else to
    `default`, else nowhere. Calling it again changes nothing. Raises UserError for a file that cannot be opened."""
    where = environment.log_target() or default
    if not where or any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger(_FLOORS[0]).handlers):
        return
    handler = _handler(where)
    handler.setFormatter(JsonLines())
    for floor in _FLOORS:
        logger = logging.getLogger(floor)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def stop() -> None:
    """Take back what `start` did."""
    for floor in _FLOORS:
        logger = logging.getLogger(floor)
        for handler in [each for each in logger.handlers if isinstance(each.formatter, JsonLines)]:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def _handler(where: str) -> logging.Handler:
    if where == "stderr":
        return logging.StreamHandler(sys.stderr)
    try:
        Path(where).expanduser().parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(Path(where).expanduser(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"HANLIN_LOG={where} ({error.strerror})", "stderr, or a file that can be written") from error


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Fact] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        facts: dict[str, Fact] = {"job": _job(), **_context.get(), **getattr(record, "facts", {})}
        line |= {(f"{key}_" if key in _RESERVED else key): value for key, value in facts.items() if value not in (None, "")}
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(masked(line), ensure_ascii=False, default=str)


def masked(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """With the values of secret keys, and secrets inside texts, as ***."""
    known = environment.secret_values()
    return {key: _masked(key, value, known) for key, value in facts.items()}


def _masked(key: str, value: Fact, known: tuple[str, ...]) -> Fact:
    if not isinstance(value, str):
        return value
    if _SECRET_KEY.search(key):
        return _MASK
    for secret in known:
        value = value.replace(secret, _MASK)
    for pattern, to in _SECRET_TEXT:
        value = pattern.sub(to, value)
    return value


def _job() -> str:
    """Ray's id of this job; empty outside of Ray."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_job_id())
