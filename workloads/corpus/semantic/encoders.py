"""The encoder that a recipe names, told by its content, and kept loaded in each process that uses it."""

import functools
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cluster import storage
from cluster.errors import InputError
from cluster.stage import StageContext
from workloads.corpus.semantic.spec import SemanticSpec

_CONTENT = (".safetensors", ".json", ".txt", ".model")


class Encodes(Protocol):
    """What makes vectors of length 1 of texts, one row each."""

    def encode(self, texts: list[str], /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class EncoderFolder:
    """Where an encoder lies; every machine of the cluster must be able to read it. `fingerprint`: of all its files."""

    uri: str
    fingerprint: str

    def load(self) -> Encodes:
        return _loaded(self)


def find_encoder(spec: SemanticSpec | None, context: StageContext) -> EncoderFolder | None:
    """None where the recipe wants none. Raises InputError for a folder without safetensors, ArtifactError for a run without
    a model."""
    if spec is None:
        return None
    if not spec.is_folder:
        artifact = context.store.ref(spec.model, "model")
        return EncoderFolder(artifact.uri, artifact.fingerprint)
    folder = storage.locate(context.resolve(spec.model))
    files = storage.list_files(folder) if storage.kind_of(folder) == "folder" else []
    content = sorted(file.path for file in files if file.path.endswith(_CONTENT))
    if "config.json" not in content or not any(name.endswith(".safetensors") for name in content):
        raise InputError(
            f"`corpus.duplicates.semantic.model`: no encoder in {folder}",
            "a folder with config.json, tokenizer files and safetensors weights, or the name of a run",
            "check the path; a folder relative to the recipe needs a slash, as in ./encoder",
        )
    lines = (f"{name} {storage.sha256_of(folder / name)}\n" for name in content)
    return EncoderFolder(folder.uri, storage.sha256_of_bytes("".join(lines).encode())[:20])


@functools.lru_cache(maxsize=1)
def _loaded(encoder: EncoderFolder) -> Encodes:
    from workloads.models.encoder import load_encoder  # torch and transformers take seconds, and few corpora need them

    return load_encoder(_local(encoder))


def _local(encoder: EncoderFolder) -> Path:
    """The folder itself, or a copy that this machine keeps."""
    folder = storage.locate(encoder.uri)
    if folder.is_local:
        return Path(folder.path)
    kept = Path(tempfile.gettempdir()) / f"hanlin-{os.getuid()}" / "encoders" / encoder.fingerprint
    if not kept.exists():
        partial = kept.with_name(f".{kept.name}.{uuid.uuid4().hex}")
        storage.download(folder, partial)
        try:
            partial.replace(kept)
        except OSError:  # another process of this machine was first
            shutil.rmtree(partial)
    return kept
