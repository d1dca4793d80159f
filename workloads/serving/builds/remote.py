"""The making of an engine build as one Ray task: export, load beside the reference, compare. The only file of builds that
knows Ray.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray

from cluster import storage
from cluster.artifacts import Artifact, open_artifact
from cluster.capacity import current_room
from cluster.errors import HanlinError
from cluster.observe.progress import Value
from cluster.storage import Location
from cluster.task import result_of
from workloads.serving.builds.parity import LIMITS, Parity, compare
from workloads.serving.builds.texts import sample_texts
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.openvino import runtime
from workloads.serving.engine.openvino.description import Weights
from workloads.serving.spec import ServingSpec

_MOST_CPUS = 4
_SLOTS = 16
_CONTEXT = 1024  # tokens: enough for the samples, so that two caches fit beside each other


@dataclass(frozen=True)
class Built:
    """`refusal` says why it is not to be served, empty where it is; `parity` is None where nothing could be exported."""

    weights: Weights
    parity: Parity | None
    refusal: str
    parameters: int

    def facts(self) -> Mapping[str, Value]:
        found: dict[str, Value] = {"weights": self.weights, "accepted": "no" if self.refusal else "yes"}
        if self.parity:
            found |= {
                "greedy_equal": f"{self.parity.equal}/{self.parity.prompts}",
                "error_nats": round(self.parity.error_mean, 6),
            }
            found |= {"bits": round(self.parity.bits_build, 4), "bits_torch": round(self.parity.bits_reference, 4)}
            found |= {"bits_rise": f"{self.parity.rise:+.2%}"}
        return found


def build_remotely(spec: ServingSpec, model: Artifact, corpus: Artifact | None, target: Location) -> Built:
    """Make the build in a task of its own, on whatever machine has room, and put its files into `target`."""
    cpus = min(current_room().largest_share(1, None), _MOST_CPUS)
    task = _build.options(num_cpus=cpus).remote(model.uri, corpus.uri if corpus else "", spec.weights, cpus, target.uri)
    built: Built = result_of(task)
    return built


@ray.remote(max_retries=2)
def _build(model: str, corpus: str, weights: Weights, cpus: int, target: str) -> Built:
    folder = open_artifact(model).local_folder()
    with tempfile.TemporaryDirectory() as temporary:
        built = make_build(folder, open_artifact(corpus) if corpus else None, Path(temporary), weights, cpus)
        if not built.refusal:
            storage.upload(Path(temporary), storage.locate(target))
    return built


def make_build(folder: Path, corpus: Artifact | None, target: Path, weights: Weights, threads: int) -> Built:
    """Export a model folder into `target` and compare it with the torch engine. Raises UserError without the package."""
    from workloads.serving.engine.openvino.export import export_model

    runtime.openvino()
    settings = EngineSettings(slots=_SLOTS, max_context=_CONTEXT, threads=threads, device="cpu")
    try:
        description = export_model(folder, target, weights)
        build = load_engine("openvino", target, settings)
    except Exception as error:  # noqa: BLE001 - whatever a tracer or a compiler raises: this model is not for it
        return Built(weights, None, _in_a_line(error), 0)
    samples = sample_texts(corpus, folder, min(_CONTEXT, description.max_context))
    reference = load_engine("torch", folder, settings)
    try:
        parity = asyncio.run(compare(reference, build, samples.prompts, samples.texts))
    finally:
        reference.close()
        build.close()
    return Built(weights, parity, parity.refusal(LIMITS[weights]), description.parameters)


def _in_a_line(error: Exception) -> str:
    if isinstance(error, HanlinError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"it cannot be exported ({type(error).__name__}: {lines[-1] if lines else 'no more is said'})"
