"""Engines: token ids in, token ids out. No Ray."""

from importlib import import_module
from pathlib import Path
from typing import cast

from cluster.errors import UserError
from workloads.serving.engine.base import Engine, EngineSettings

ENGINES = {
    "torch": "workloads.serving.engine.families:open_folder",
    "openvino": "workloads.serving.engine.openvino.engine:OpenVinoEngine",
    "vllm": "workloads.serving.engine.vllm.engine:VllmEngine",
}
"""Name -> `module:callable`, imported when asked for; it is called with (folder, settings), the folder being that of an engine
build for openvino and the model's own for the others."""


def load_engine(name: str, folder: Path, settings: EngineSettings) -> Engine:
    """Load a model folder, or an engine build, into an engine. Raises UserError for an unknown engine or an unusable folder."""
    if name not in ENGINES:
        raise UserError(f"engine {name!r}", f"one of {', '.join(ENGINES)}", "change `serving.engine`")
    module, _, cls = ENGINES[name].partition(":")
    return cast(Engine, getattr(import_module(module), cls)(folder, settings))
