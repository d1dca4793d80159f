"""The evaluation as one Ray task, with progress on the driver. The only file of evaluation that knows Ray."""

import time

import ray
import torch

from cluster.artifacts import Artifact, open_artifact
from cluster.capacity import current_room
from cluster.observe.board import Board, open_board
from cluster.observe.progress import Reporter
from cluster.task import result_of
from workloads.evaluation.evaluate import evaluate
from workloads.evaluation.result import Result
from workloads.evaluation.spec import EvaluationSpec

_MOST_CPUS = 8
_POST_SECONDS = 0.25


def run_remotely(spec: EvaluationSpec, model: Artifact, corpus: Artifact, seed: int, reporter: Reporter, stage: str) -> Result:
    """Evaluate in a task of its own; progress goes to `stage` of the reporter. Ends the task where this process is stopped.

    Raises the task's own HanlinError, without Ray's traceback around it.
    """
    cpus = spec.cpus or _fitting_cpus(spec.gpus)
    with open_board(reporter) as board:
        options = _evaluate.options(num_cpus=cpus, num_gpus=spec.gpus)
        task = options.remote(spec, model.uri, corpus.uri, seed, cpus, board, stage)
        result: Result = result_of(task)
        return result


def _fitting_cpus(gpus: int) -> int:
    """What one machine can give now or will once it comes: a task never spans two, and one that asks for more would wait."""
    return min(current_room().largest_share(1, {"GPU": gpus} if gpus else None), _MOST_CPUS)


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
