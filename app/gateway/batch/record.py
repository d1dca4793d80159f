"""A batch as a value: what was asked for, how far it is, and what each step of its life makes of it."""

import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
FINAL: frozenset[Status] = frozenset({"failed", "completed", "expired", "cancelled"})


@dataclass(frozen=True)
class Fault:
    """Why an input file cannot be run; `line` counts from 1."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True)
class Batch:
    """`owner` is the tenant that it belongs to; times are seconds since the epoch by the status that they were reached."""

    id: str
    owner: str
    endpoint: str
    input_file_id: str
    completion_window: str
    expires_at: int
    metadata: dict[str, str] = field(default_factory=dict)
    status: Status = "validating"
    times: dict[str, int] = field(default_factory=dict)
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    faults: tuple[Fault, ...] = ()

    @staticmethod
    def new(owner: str, endpoint: str, input_file_id: str, hours: int, metadata: dict[str, str]) -> "Batch":
        now = int(time.time())
        name, window = f"batch_{uuid.uuid4().hex}", f"{hours}h"
        return Batch(name, owner, endpoint, input_file_id, window, now + 3600 * hours, metadata, times={"created": now})

    @property
    def final(self) -> bool:
        return self.status in FINAL

    def at(self, status: Status, **changes: Any) -> "Batch":
        """The batch with a new status, reached now."""
        times = self.times if status in self.times else self.times | {status: int(time.time())}
        return replace(self, status=status, times=times, **changes)

    def told(self) -> dict[str, Any]:
        """OpenAI's batch object."""
        reached = {
            f"{name}_at": self.times.get(name)
            for name in ("created", "in_progress", "finalizing", *sorted(FINAL), "cancelling")
        }
        faults = [{"code": each.code, "message": each.message, "line": each.line, "param": None} for each in self.faults]
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": faults} if faults else None,
            "input_file_id": self.input_file_id,
            "completion_window": self.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "expires_at": self.expires_at,
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "metadata": self.metadata or None,
        } | reached
