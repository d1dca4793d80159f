"""What encoders make of texts: /v1/embeddings, /v1/fill-mask, /v1/classify. A model without the head for it says so in a 400.

Not for generating (http.py) nor for scoring text with a decoder (tokens.py).
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.gateway.body import Body, ModelName
from app.gateway.described import Classifications, Embeddings, FilledMasks, answers
from app.gateway.inputs import Input, batch_of, input_usage
from app.gateway.models import Served
from app.gateway.service import REVISION_HEADER, Service
from app.gateway.shapes import Json
from cluster.errors import RequestError


class EncoderBody(Body):
    model: ModelName
    input: Input
    user: str | None = None


class EmbeddingsBody(EncoderBody):
    encoding_format: Literal["float", "base64"] | None = "float"

    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {"dimensions": ()}


class FillMaskBody(EncoderBody):
    """`top_k`: tokens to tell for each mask."""

    top_k: int | None = Field(5, ge=1, le=100)


def add_encoders(app: FastAPI, service: Service) -> None:
    @app.post("/v1/embeddings", responses=answers(Embeddings))
    async def embeddings(body: EmbeddingsBody) -> Response:
        """One vector per text; `base64` is that of little-endian 32-bit floats."""
        body.check()
        served = await service.models.find(body.model)
        batch = await batch_of(body.input, served)
        async with service.encoding(served, batch):
            vectors = await service.upstream.embed(served.app, batch)
        told: list[str | list[float]] = [_packed(vector) if body.encoding_format == "base64" else vector for vector in vectors]
        entries = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(told)]
        return service.counted("embeddings", _listed(body, served, batch, entries))

    @app.post("/v1/fill-mask", responses=answers(FilledMasks))
    async def fill_mask(body: FillMaskBody) -> Response:
        """The likeliest tokens for every mask of a text, with their probabilities."""
        body.check()
        served = await service.models.find(body.model)
        mask = _mask_of(served)
        batch = await batch_of(body.input, served)
        if not all(mask in tokens for tokens in batch):
            name = served.card.special_tokens["mask_token"]
            raise RequestError(
                "a text without a mask", f"the mask is {name}", f"put {name} where a word is missing", param="input"
            )
        async with service.encoding(served, batch):
            filled = await service.upstream.fill_mask(served.app, batch, mask, body.top_k or 5)
        entries = [
            {"object": "fill_mask", "index": index, "masks": [[_filling(served, *each) for each in best] for best in masks]}
            for index, masks in enumerate(filled)
        ]
        return service.counted("fill-mask", _listed(body, served, batch, entries))

    @app.post("/v1/classify", responses=answers(Classifications))
    async def classify(body: EncoderBody) -> Response:
        """The likeliest label of every text, and the probabilities of all."""
        body.check()
        served = await service.models.find(body.model)
        batch = await batch_of(body.input, served)
        async with service.encoding(served, batch):
            labels = await service.upstream.classify(served.app, batch)
        entries = [_classified(index, scores) for index, scores in enumerate(labels)]
        return service.counted("classify", _listed(body, served, batch, entries))


def _listed(body: EncoderBody, served: Served, batch: Sequence[Sequence[int]], entries: list[Json]) -> Response:
    data = {"object": "list", "model": body.model, "data": entries, "usage": input_usage(batch)}
    return JSONResponse(data, headers={REVISION_HEADER: served.revision})


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _mask_of(served: Served) -> int:
    name = served.card.special_tokens.get("mask_token", "")
    mask = served.vocabulary.id_of(name)
    if mask is None:
        raise RequestError("fill-mask", "this model has no mask token", "ask a masked language model", param="model")
    return mask


def _filling(served: Served, token: int, score: float) -> Json:
    return {"token": token, "token_str": served.vocabulary.token_bytes(token).decode("utf-8", "replace"), "score": score}


def _classified(index: int, scores: Sequence[tuple[str, float]]) -> Json:
    best = max(scores, key=lambda each: each[1])[0]
    told = [{"label": label, "score": score} for label, score in scores]
    return {"object": "classification", "index": index, "label": best, "scores": told}
