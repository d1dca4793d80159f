"""The stage that makes a model's engine build: look whether it is done, else make it, compare it, and write the artifact.

A build that differs too much from the reference is written as refused, without its graph, so that it is not tried again and
serving knows why it runs torch. What is done is in remote.py, what is compared in parity.py.
"""

from collections.abc import Mapping

from cluster.artifacts import Artifact, store_of
from cluster.draft import Draft
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.serving.engine.openvino import runtime
from workloads.serving.engine.openvino.description import Weights
from workloads.serving.spec import ServingSpec

STAGE = "engine"
REFUSED = "refused.txt"
_VERSION = 1


def build_engine(spec: ServingSpec, model: Artifact, corpus: Artifact | None, context: StageContext) -> Artifact | None:
    """The engine build of `model`, compared on held-out text of `corpus`; None where `serving.engine` asks for none.

    Raises UserError where `serving.engine` is openvino and its package is not installed.
    """
    if not wants_build(spec):
        return None

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.serving.builds.remote import build_remotely  # Ray and torch only where there is something to do

        built = build_remotely(spec, model, corpus, draft.location)
        draft.counts |= {"accepted": int(not built.refusal), "parameters": built.parameters}
        if built.parity:
            draft.metrics |= built.parity.metrics()
        if built.refusal:
            draft.write(REFUSED, (built.refusal + "\n").encode())
            context.reporter.note("engine_build_refused", reason=built.refusal, serving="the torch engine")
        return built.facts()

    return run_stage(context, STAGE, "", _work(model, spec.weights), build)


def wants_build(spec: ServingSpec) -> bool:
    """Whether replicas of this spec can run an engine build. Raises UserError as `build_engine` does."""
    if spec.engine == "openvino":
        runtime.openvino()
    return may_run_build(spec) and (spec.engine == "openvino" or runtime.available())


def may_run_build(spec: ServingSpec) -> bool:
    """Whether the spec leaves the choice: not where it names torch, or asks for what torch alone does."""
    return spec.engine == "openvino" or (spec.engine == "auto" and not spec.gpus_per_replica and not spec.adapter_mb)


def find_build(model: Artifact, weights: Weights) -> Artifact | None:
    """The build of these very bytes that stands beside the model, refused or not; None where none was made."""
    return store_of(model).find(_work(model, weights))


def refusal_of(build: Artifact) -> str:
    """Why a build is not to be served; empty where it is."""
    return "" if build.manifest.counts["accepted"] else build.read(REFUSED).decode().strip()


def _work(model: Artifact, weights: Weights) -> Work:
    identity = {"engine": "openvino", "weights": weights, "model_content": model.content_hash}
    return Work("engine", identity, {"model": model.fingerprint}, _VERSION)
