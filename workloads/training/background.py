"""Ray Train's blocking call in a thread of this process, what it raises as one line, and a way to give it up."""

import threading
from collections.abc import Callable
from typing import Any

import ray

from cluster.errors import HanlinError, TrainingError

_ABANDON_S = 30.0  # for Ray to notice that the controllers are gone


class InBackground:
    """A call in a thread, so that signals reach this process's main thread and not Ray's handler."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self._call = call
        self._ended = threading.Event()  # not Thread.join: an interrupted join takes the thread for ended (Python 3.11)
        threading.Thread(target=self._run, name="hanlin-training", daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:  # noqa: BLE001  # kept for the waiting thread, which raises it
            self.error = error
        finally:
            self._ended.set()

    def done(self, seconds: float = 0.0) -> bool:
        return self._ended.wait(seconds)

    def abandon(self) -> None:
        """End Ray Train's controllers, and with them their claim on machines: no worker is there that could leave a checkpoint."""
        from ray._private.state import state
        from ray._private.worker import global_worker

        mine = ray.get_runtime_context().get_job_id()
        for actor, each in state.actor_table(None).items():
            if each["ActorClassName"] == "TrainController" and each["JobID"] == mine and each["State"] != "DEAD":
                global_worker.core_worker.kill_actor(ray.ActorID.from_hex(actor), True)  # type: ignore[attr-defined]
        self.done(_ABANDON_S)


def plain(error: Exception) -> HanlinError:
    """What Ray Train raises, as one line."""
    failures = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause = getattr(failure, "_base_exc", failure)
        if isinstance(cause, HanlinError):
            return cause
    reasons = [str(failure).strip().splitlines()[-1] for failure in (*failures.values(), error) if str(failure).strip()]
    return TrainingError(
        f"training lost its workers more often than allowed ({reasons[0] if reasons else type(error).__name__})",
        "the last checkpoint stands",
        "run the same command again to go on, or raise `training.max_failures`",
    )
