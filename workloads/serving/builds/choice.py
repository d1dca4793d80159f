"""Which engine a replica runs: an engine build where there is one that may be served and its package is here, else torch; vllm where
it is named.

The deploying process looks for the build once; each replica decides for its own machine. Not for making builds (stage.py).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from cluster import storage
from cluster.artifacts import Artifact
from cluster.errors import UserError
from cluster.manifest import Manifest
from cluster.observe import logs
from workloads.serving.builds.stage import find_build, may_run_build, refusal_of
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings
from workloads.serving.engine.openvino import runtime
from workloads.serving.spec import ServingSpec

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildRef:
    """A build as it is sent to replicas: where it is, and the manifest that its bytes must fit."""

    uri: str
    manifest: bytes

    def folder(self) -> Path:
        """The build's files on this machine, verified."""
        return Artifact(storage.locate(self.uri), Manifest.from_json(self.manifest)).local_folder()


def build_for(spec: ServingSpec, model: Artifact) -> BuildRef | None:
    """The build that replicas of this spec run; None for torch and vllm, with a line that says why where `auto` had the choice.

    Raises UserError where `serving.engine` is openvino and the model has no build that may be served.
    """
    if not may_run_build(spec):
        return None
    build = find_build(model, spec.weights)
    lacks = "no engine build stands beside the model" if build is None else refusal_of(build)
    if build is not None and not lacks:
        return BuildRef(build.uri, build.manifest.to_json())
    if spec.engine == "openvino":
        raise UserError(
            f"serving.engine is openvino, but {lacks}",
            f"an accepted build of {model} with {spec.weights} weights",
            "make one with `hanlin run`, or set serving.engine to torch or auto",
        )
    logs.event(_LOG, "engine_chosen", engine="torch", reason=lacks)
    return None


def load_chosen(engine: str, model: Path, build: BuildRef | None, settings: EngineSettings) -> Engine:
    """The engine of a replica, loaded. `auto` goes back to torch on a machine without the build's package, and says so."""
    if build is None:
        return load_engine("vllm" if engine == "vllm" else "torch", model, settings)
    if engine == "auto" and not runtime.available():
        logs.event(_LOG, "engine_chosen", logging.WARNING, engine="torch", reason=f"not installed here: {runtime.INSTALL}")
        return load_engine("torch", model, settings)
    return load_engine("openvino", build.folder(), settings)
