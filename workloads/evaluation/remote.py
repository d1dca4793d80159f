"""The evaluation as one Ray task, with progress on the driver. The only file of evaluation that knows Ray."""

import time
from typing import Any

import ray
import torch
from ray.exceptions import RayTaskError

from cluster.artifacts import Artifact, open_artifact
from cluster.errors import HanlinError
from cluster.observe.board import Board, open_board
from cluster.observe.progress import Reporter
from workloads.evaluation.evaluate import evaluate
from workloads.evaluation.result import Result
from workloads.evaluation.spec import EvaluationSpec

_MOST_CPUS = 8
_POST_SECONDS = 0.25


def run_remotely(spec: EvaluationSpec, model: Artifact, corpus: Artifact, seed: int, reporter: Reporter, stage: str) -> Result:
    """Evaluate in a task of its own; progress goes to `stage` of the reporter. Ends the task where this process is stopped.

    Raises the task's own HanlinError, without Ray's traceback around it.
    """
    cpus = spec.cpus or _fitting_cpus()
    with open_board(reporter) as board:
        options = _evaluate.options(num_cpus=cpus, num_gpus=spec.gpus)
        task = options.remote(spec, model.uri, corpus.uri, seed, cpus, board, stage)
        try:
            return ray.get(task)
        except RayTaskError as error:
            if isinstance(error.cause, HanlinError):
                raise error.cause from None
            raise
        except BaseException:
            ray.cancel(task, force=True)
            raise


def _fitting_cpus() -> int:
    """What one node can give now: a task never spans nodes, and one that asks for more than is free would wait."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    largest = max((node["Resources"].get("CPU", 0.0) for node in nodes if node["Alive"]), default=0.0)
    return max(1, int(min(largest, free.get("CPU", 0.0), _MOST_CPUS)))


@ray.remote(max_retries=2)
def _evaluate(spec: EvaluationSpec, model: str, corpus: str, seed: int, cpus: int, board: Board, stage: str) -> Result:
    torch.set_num_threads(cpus)
    last = 0.0

    def tell(done: int, total: int, doing: str) -> None:
        nonlocal last
        if time.monotonic() - last > _POST_SECONDS or done == total:
            last = time.monotonic()
            board.post(stage, done, total=total, doing=doing)

    return evaluate(spec, open_artifact(model), open_artifact(corpus), seed, tell)
