"""Structured logs: one JSON object per line with time, level, event, job, stage and request id; secrets masked.

For programs that collect logs; what a person watches is progress.py. `start` is called once by each kind of process.
"""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cluster import environment
from cluster.errors import UserError

Fact = str | int | float | bool | None
_FLOORS = ("app", "workloads", "cluster")
_RESERVED = ("time", "level", "event", "logger")
_MASK = "***"
_FILE_BYTES, _OLD_FILES = 64 << 20, 3
_SECRET_KEY = re.compile(r"(^|[_-])(token|secret|password|passwd|key|authorization|credentials?|cookie)$", re.IGNORECASE)
_SECRET_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {_MASK}"),
    (re.compile(r"(://[^/\s:@]+):[^/\s@]+@"), rf"\1:{_MASK}@"),
    (re.compile(r"(?i)\b([\w-]*(?:token|secret|password|api[_-]?key))(\s*[=:]\s*)[\"']?[^\s\"',;&]+"), rf"\1\2{_MASK}"),
)
_MAY_HOLD_SECRET = re.compile(r"[\s=:]")
"""What every one of those has: most texts of a line have none of it."""
for _floor in _FLOORS:  # else Python prints bare warnings where no log was started
    logging.getLogger(_floor).addHandler(logging.NullHandler())
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
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


def start() -> None:
    """Send the events of this process's own code where HANLIN_LOG says (`stderr`, or a file to append to), else nowhere.
    Calling it again changes nothing. Raises UserError for a file that cannot be opened."""
    if not _started() and (where := environment.log_target()):
        _send_to(_named_handler(where))


def start_among_rays(name: str) -> None:
    """As `start`, for a long-lived actor: else to NAME_PROCESS.jsonl among Ray's logs of this machine, and what is wrong to
    its stderr too.

    All of it through stderr would cost a third of a kept answer's processor time (measured): Ray Serve may put a stream of
    its own there that looks at the stack for each line.
    """
    from ray._private.worker import global_worker

    start()
    if _started():
        return
    if global_worker.node is not None:
        file = Path(global_worker.node.get_logs_dir_path()) / "serve" / f"{name}_{os.getpid()}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        _send_to(_BoundedFile(file, backupCount=_OLD_FILES, encoding="utf-8"))
    wrong = logging.StreamHandler(sys.__stderr__)
    wrong.setLevel(logging.WARNING)
    _send_to(wrong)


def _started() -> bool:
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger(_FLOORS[0]).handlers)


def _send_to(handler: logging.Handler) -> None:
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


def _named_handler(where: str) -> logging.Handler:
    if where == "stderr":
        return logging.StreamHandler(sys.stderr)
    try:
        Path(where).expanduser().parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(Path(where).expanduser(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"HANLIN_LOG={where} ({error.strerror})", "stderr, or a file that can be written") from error


class _BoundedFile(RotatingFileHandler):
    """Turned over once it is large enough. Python's own handler formats every record twice to be exact."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the base class names it
        return self.stream is not None and os.fstat(self.stream.fileno()).st_size >= _FILE_BYTES


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        own: dict[str, Fact] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        line: dict[str, Fact] = {"event": record.getMessage()}
        facts: dict[str, Fact] = {"job": _job(), **_context.get(), **getattr(record, "facts", {})}
        line |= {(f"{key}_" if key in _RESERVED else key): value for key, value in facts.items() if value not in (None, "")}
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return _JSON.encode(own | masked(line))


def masked(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """With the values of secret keys, and secrets inside texts, as ***."""
    known = environment.secret_values()
    return {key: _masked(key, value, known) for key, value in facts.items()}


def _masked(key: str, value: Fact, known: tuple[str, ...]) -> Fact:
    if not isinstance(value, str):
        return value
    if _names_secret(key):
        return _MASK
    for secret in known:
        value = value.replace(secret, _MASK)
    if _MAY_HOLD_SECRET.search(value):
        for pattern, to in _SECRET_TEXT:
            value = pattern.sub(to, value)
    return value


@lru_cache(maxsize=1024)
def _names_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _job() -> str:
    """Ray's id of this job; empty outside of Ray."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_job_id())
