"""The evaluation stage: look whether it is done, else evaluate and write the artifact. What is measured is in evaluate.py."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.evaluation.spec import EvaluationSpec

STAGE = "evaluation"
_VERSION = 1


def evaluate_model(spec: EvaluationSpec, model: Artifact, corpus: Artifact, context: StageContext) -> Artifact:
    """The evaluation of `model` on the held-out documents of `corpus`; done once for the same model, corpus, spec and seed.

    Raises ArtifactError where an input differs from its manifest or nothing is held out.
    """
    inputs = {"model": model.fingerprint, "corpus": corpus.fingerprint}
    work = Work("evaluation", spec.identity(context.seed), inputs, _VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.evaluation.remote import run_remotely  # Ray and torch only where there is something to do
        from workloads.evaluation.report import render

        result = run_remotely(spec, model, corpus, context.seed, context.reporter, STAGE)
        draft.counts |= result.counts()
        draft.metrics |= result.metrics()
        report = asdict(result)
        draft.write("samples.json", _json(report.pop("samples")))
        draft.write("report.json", _json(report))
        draft.write("report.html", render(result).encode())
        return {scorer.name.replace(" ", "_"): scorer.bits_per_character.value for scorer in result.scorers}

    return run_stage(context, STAGE, "tokens", work, build)


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
