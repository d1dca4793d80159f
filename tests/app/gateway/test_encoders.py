"""Embeddings, masks and labels: shapes, and what a model cannot do."""

import base64
import struct
from dataclasses import replace

import pytest

from tests.app.gateway.conftest import Endpoint
from workloads.serving.card import ModelCard


@pytest.fixture
def masked(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.card_ = replace(card, special_tokens=card.special_tokens | {"mask_token": "<|im_start|>"})


def test_embeddings(endpoint: Endpoint) -> None:
    response = endpoint.post("/v1/embeddings", input=[[5], [5, 6, 7]])
    assert response.json() == {
        "object": "list",
        "model": "tiny",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0, 0.5]},
            {"object": "embedding", "index": 1, "embedding": [3.0, 0.5]},
        ],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    assert response.headers["x-hanlin-revision"] == "7"


def test_embeddings_as_bytes(endpoint: Endpoint) -> None:
    (entry,) = endpoint.post("/v1/embeddings", input="ab", encoding_format="base64").json()["data"]
    assert struct.unpack("<2f", base64.b64decode(entry["embedding"])) == (2.0, 0.5)


def test_a_model_without_the_head_is_400(endpoint: Endpoint) -> None:
    endpoint.upstream.encodes = False
    response = endpoint.post("/v1/embeddings", input="a")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "model")
    without = endpoint.post("/v1/fill-mask", input="a")
    assert without.status_code == 400
    assert "no mask token" in without.json()["error"]["message"]


def test_fewer_dimensions_are_not_supported(endpoint: Endpoint) -> None:
    assert endpoint.post("/v1/embeddings", input="a", dimensions=1).json()["error"]["param"] == "dimensions"


def test_masks_are_filled(endpoint: Endpoint, masked: None) -> None:
    body = endpoint.post("/v1/fill-mask", input="a<|im_start|>b<|im_start|>", top_k=2).json()
    (entry,) = body["data"]
    assert [len(mask) for mask in entry["masks"]] == [2, 2]
    assert entry["masks"][0][0]["token"] == 5
    assert entry["masks"][0][0]["score"] == 0.5
    assert entry["masks"][0][0]["token_str"]


def test_a_text_without_a_mask_is_refused(endpoint: Endpoint, masked: None) -> None:
    response = endpoint.post("/v1/fill-mask", input=["a<|im_start|>", "ab"])
    assert (response.status_code, response.json()["error"]["param"]) == (400, "input")
    assert "<|im_start|>" in response.json()["error"]["message"]


def test_labels(endpoint: Endpoint) -> None:
    (entry,) = endpoint.post("/v1/classify", input="好吗").json()["data"]
    assert entry == {
        "object": "classification",
        "index": 0,
        "label": "否",
        "scores": [{"label": "是", "score": 0.25}, {"label": "否", "score": 0.75}],
    }
