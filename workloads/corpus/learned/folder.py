"""A learned model as a folder: weights.safetensors, and model.json, written last, with the settings and what the model can do.

model.json holds no path and no time, so its SHA-256 is the model's name: the same documents give the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as pack

from cluster import storage
from cluster.errors import InputError
from cluster.manifest import Json
from cluster.storage import Location
from workloads.text.learned import PerplexityModel, QualityModel

Name = Literal["quality", "perplexity"]
MODEL, WEIGHTS = "model.json", "weights.safetensors"
_FORMAT = 1
_TENSOR = "values"


@dataclass(frozen=True)
class Kept:
    """What the folder holds; `fingerprint`: 20 hexadecimal digits of the hash."""

    settings: Mapping[str, float]
    values: NDArray[Any]
    fingerprint: str


def save_quality(folder: Location, model: QualityModel, learned: Mapping[str, Json]) -> str:
    """Write the model with what is told of its learning; answers its fingerprint."""
    settings = {"bias": model.bias, "longest_gram": model.longest_gram, "characters": model.characters}
    return _save(folder, "quality", settings, model.weights, learned)


def save_perplexity(folder: Location, model: PerplexityModel, learned: Mapping[str, Json]) -> str:
    """As `save_quality`."""
    settings = {"order": model.order, "unseen_bits": model.unseen_bits, "characters": model.characters}
    return _save(folder, "perplexity", settings, model.table, learned)


def load_quality(folder: Location) -> tuple[QualityModel, str]:
    """(model, fingerprint). Raises InputError where the folder holds none, or a damaged one."""
    kept = _load(folder, "quality", np.dtype(np.float32))
    settings = kept.settings
    return (
        QualityModel(kept.values, settings["bias"], int(settings["longest_gram"]), int(settings["characters"])),
        kept.fingerprint,
    )


def load_perplexity(folder: Location) -> tuple[PerplexityModel, str]:
    """As `load_quality`."""
    kept = _load(folder, "perplexity", np.dtype(np.uint64))
    settings = kept.settings
    return (
        PerplexityModel(kept.values, int(settings["order"]), settings["unseen_bits"], int(settings["characters"])),
        kept.fingerprint,
    )


def _save(
    folder: Location, name: Name, settings: Mapping[str, float], values: NDArray[Any], learned: Mapping[str, Json]
) -> str:
    weights = pack({_TENSOR: values})
    facts = {
        "kind": name,
        "format": _FORMAT,
        "settings": settings,
        "learned": learned,
        "weights_sha256": storage.sha256_of_bytes(weights),
    }
    described = (json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    storage.write_bytes(folder / WEIGHTS, weights)
    storage.write_bytes(folder / MODEL, described)
    return _fingerprint(described)


def _load(folder: Location, name: Name, dtype: "np.dtype[Any]") -> Kept:
    if storage.stat(folder / MODEL) is None:
        raise InputError(
            f"`corpus.{name}.model`: no {MODEL} in {folder}",
            f"a folder that `hanlin corpus train-{name}` has written",
            "train the model first, or mend the path",
        )
    described = storage.read_bytes(folder / MODEL)
    try:
        facts = json.loads(described)
        given, expected = (facts["kind"], facts["format"]), facts["weights_sha256"]
        settings = {key: float(value) for key, value in facts["settings"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, name, MODEL) from error
    if given != (name, _FORMAT):
        raise InputError(
            f"{folder} holds a model of kind {given[0]} in format {given[1]}", f"{name} in format {_FORMAT}", "train it again"
        )
    if storage.stat(folder / WEIGHTS) is None:
        raise _damaged(folder, name, WEIGHTS)
    weights = storage.read_bytes(folder / WEIGHTS)
    if storage.sha256_of_bytes(weights) != expected:
        raise _damaged(folder, name, WEIGHTS)
    try:
        values: NDArray[Any] = parse(weights)[_TENSOR]
    except (SafetensorError, KeyError) as error:
        raise _damaged(folder, name, WEIGHTS) from error
    if values.dtype != dtype or values.ndim != 1 or len(values) & (len(values) - 1) or not len(values):
        raise _damaged(folder, name, WEIGHTS)
    return Kept(settings, values, _fingerprint(described))


def _fingerprint(described: bytes) -> str:
    return storage.sha256_of_bytes(described)[:20]


def _damaged(folder: Location, name: Name, file: str) -> InputError:
    return InputError(
        f"{file} in {folder} is missing, damaged or of another model",
        "what was written with it",
        f"train it again with `hanlin corpus train-{name}`",
    )
