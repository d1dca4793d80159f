"""A folder as PEFT writes it becomes an artifact that fits one model. Not for the name it is asked for by: that is the registry's.

Only its two files are taken: settings in JSON and weights in safetensors, neither of which runs when it is read.
"""

from pathlib import Path

from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Json, Work
from workloads.serving.engine.adapters.files import FILE as WEIGHTS
from workloads.serving.engine.adapters.files import linear_shapes, read_adapter
from workloads.serving.engine.adapters.settings import FILE as SETTINGS
from workloads.serving.engine.adapters.unfit import UnfitAdapterError

_VERSION = 1


def adapter_artifact(folder: Path, model: Artifact, store: ArtifactStore) -> Artifact:
    """The artifact of these very bytes for this very model. Raises UserError where they cannot be read or do not fit."""
    try:
        layers = read_adapter(folder, linear_shapes(model.local_folder()))
    except UnfitAdapterError as error:
        raise error.told(f"the adapter in {folder}") from error
    hashes: dict[str, Json] = {name: storage.sha256_of(storage.locate(str(folder / name))) for name in (SETTINGS, WEIGHTS)}
    work = Work("adapter", {"files": hashes, "model_content": model.content_hash}, {"model": model.fingerprint}, _VERSION)
    found = store.find(work)
    if found is not None:
        return found
    with store.draft(work) as draft:
        for name in (SETTINGS, WEIGHTS):
            draft.upload(folder / name, name)
        draft.counts |= {"layers": len(layers), "rank": max(len(layer.down) for layer in layers.values())}
    return store.open("adapter", work.folder)
