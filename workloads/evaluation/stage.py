"""The evaluation stage: one Ray task scores, the driver writes the artifact. What is scored and how is in evaluate.py."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import ray

from cluster.artifacts import Artifact, ArtifactStore, Draft, Work
from cluster.errors import HanlinError
from cluster.observe.board import Board, open_board
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.evaluation.report import render
from workloads.evaluation.result import Result
from workloads.evaluation.spec import EvaluationSpec

STAGE = "evaluation"
_VERSION = 1
_MOST_CPUS = 8
_POST_SECONDS = 0.25


def evaluate_model(spec: EvaluationSpec, model: Artifact, corpus: Artifact, context: StageContext) -> Artifact:
    """The evaluation of `model` on the held-out documents of `corpus`; done once for the same model, corpus, spec and seed.

    Raises ArtifactError where an input differs from its manifest or nothing is held out.
    """
    inputs = {"model": model.fingerprint, "corpus": corpus.fingerprint}
    work = Work("evaluation", spec.identity(context.seed), inputs, _VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        with open_board(context.reporter) as board:
            result = _run_remotely(spec, model, corpus, context.seed, board)
        _write(draft, result)
        own = result.own.bits_per_character
        return {"bits_per_character": own.value} | {
            f"{s.name}_bits_per_character": s.bits_per_character.value for s in result.scorers[1:]
        }

    return run_stage(context, STAGE, "tokens", work, build)


def _run_remotely(spec: EvaluationSpec, model: Artifact, corpus: Artifact, seed: int, board: Board) -> Result:
    cpus = spec.cpus or _fitting_cpus()
    task = _evaluate.options(num_cpus=cpus, num_gpus=spec.gpus).remote(spec, model.uri, corpus.uri, seed, cpus, board)
    try:
        return ray.get(task)  # type: ignore[no-any-return]
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, HanlinError):
            raise error.cause from None
        raise
    except BaseException:
        ray.cancel(task, force=True)
        raise


def _fitting_cpus() -> int:
    """What one node can give now: a task never spans nodes, and one that asks for more than is free would wait."""
    largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    return max(1, int(min(largest, ray.available_resources().get("CPU", 0.0), _MOST_CPUS)))


@ray.remote(max_retries=2)
def _evaluate(spec: EvaluationSpec, model: str, corpus: str, seed: int, cpus: int, board: Board) -> Result:
    from workloads.evaluation.evaluate import evaluate, set_threads

    set_threads(cpus)
    last = 0.0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal last
        if time.monotonic() - last > _POST_SECONDS or done == total:
            last = time.monotonic()
            board.post(STAGE, done, total=total, now=what)

    return evaluate(spec, _open(model, "model"), _open(corpus, "corpus"), seed, tell)


def _open(uri: str, kind: Any) -> Artifact:
    base, question, query = uri.partition("?")
    root, _, name = base.rstrip("/").rsplit("/", 2)
    return ArtifactStore(f"{root}{question}{query}").open(kind, name)


def _write(draft: Draft, result: Result) -> None:
    own, amounts = result.own, result.amounts
    draft.counts |= asdict(amounts)
    draft.metrics |= {
        "bits_per_character": own.bits_per_character.value,
        "bits_per_byte": own.bits_per_byte.value,
        "characters_per_token": amounts.characters / max(1, amounts.tokens),
    }
    if own.bits_per_character.low is not None and own.bits_per_character.high is not None:
        draft.metrics["bits_per_character_low"] = own.bits_per_character.low
        draft.metrics["bits_per_character_high"] = own.bits_per_character.high
    for scorer in result.scorers[1:]:
        draft.metrics[f"{scorer.name.replace('-', '')}_bits_per_character"] = scorer.bits_per_character.value
    if result.samples:
        draft.metrics["sample_repetition"] = sum(s.repetition for s in result.samples) / len(result.samples)
    report = asdict(result)
    samples = report.pop("samples")
    draft.write("report.json", _json(report))
    draft.write("samples.json", _json(samples))
    draft.write("report.html", render(result).encode())


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
