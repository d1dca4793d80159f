"""Vectors of texts from a running endpoint, as anybody gets them, and whose they are. For the command line, not for gateways."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from app.gateway.inputs import MAX_INPUTS
from app.gateway.semantic.index import Vector
from cluster.environment import api_key
from cluster.errors import AddressError, RequestError

_SECONDS = 300.0


@dataclass(frozen=True)
class Vectors:
    """[texts, size], each of length 1, and the fingerprint of the model that made them."""

    rows: Vector
    fingerprint: str


def vectors_of(texts: Sequence[str], base_url: str, model: str) -> Vectors:
    """Raises AddressError where nothing answers, RequestError for what the endpoint refuses."""
    headers = {"Authorization": f"Bearer {key}"} if (key := api_key()) else {}
    made: list[list[float]] = []
    with httpx.Client(base_url=base_url, headers=headers, timeout=_SECONDS) as client:
        fingerprint = str(_json(client, "GET", f"/v1/models/{model}")["fingerprint"])
        for start in range(0, len(texts), MAX_INPUTS):
            body = {"model": model, "input": list(texts[start : start + MAX_INPUTS])}
            made += [entry["embedding"] for entry in _json(client, "POST", "/v1/embeddings", body)["data"]]
    rows = np.asarray(made, np.float32)
    return Vectors(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), fingerprint)


def _json(client: httpx.Client, method: str, path: str, body: object = None) -> Any:
    try:
        response = client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise AddressError(f"{client.base_url} does not answer ({error})", "", "start it with `hanlin serve`") from error
    if response.status_code != httpx.codes.OK:
        raise RequestError(f"{path} says {response.status_code}: {response.text[:200]}", "", "see what it says")
    return response.json()
