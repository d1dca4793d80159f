"""The OpenAPI document is what the endpoint does: requests made from it never fail inside, and answers are as it says."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from app.gateway.http import create_app
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.vocabulary import Vocabulary
from cluster.storage import locate
from tests.app.gateway.conftest import ScriptedUpstream
from tests.contract.test_http import PATHS
from tests.workloads.serving.tiny_model import TOOLS_TEMPLATE
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, TokenScore

OPERATIONS = [(path, method) for path, methods in PATHS.items() for method in methods if path.startswith("/v1/")]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MASK = "<|im_start|>"


@pytest.fixture(scope="module")
def endpoint_app(card: ModelCard, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """One model that can do everything."""

    def script(request: Request) -> list[Chunk | Exception]:
        tokens = Vocabulary(card.tokenizer).encode("一座。", special=False)
        scores = tuple(TokenScore(token, -1.0, ((token, -1.0),)) for token in tokens)
        given = tuple(TokenScore(token, -1.0, ()) for token in request.token_ids[1:])
        return [Chunk(tokens, scores, given), Chunk(finish="stop")]

    able = replace(
        card,
        chat_template=TOOLS_TEMPLATE,
        special_tokens=card.special_tokens | {"mask_token": MASK},
        capabilities=replace(card.capabilities, max_context=100_000),
    )
    service = Service(ScriptedUpstream(able, script), 60)
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0),)})
    return create_app(service, keep=locate(str(tmp_path_factory.mktemp("kept"))))


@pytest.fixture(scope="module")
def document(endpoint_app: FastAPI) -> Any:
    """The endpoint's own document, where names of what is there stand for names of any kind."""
    client = TestClient(endpoint_app)
    file = client.post("/v1/files", files={"file": ("a", b"{}")}, data={"purpose": "batch"}).json()["id"]
    wanted = {"input_file_id": file, "endpoint": "/v1/completions", "completion_window": "24h"}
    batch = client.post("/v1/batches", json=wanted).json()["id"]
    described = endpoint_app.openapi()
    known = {"model": "tiny", "role": "user", "purpose": "batch"} | wanted
    for name, schema in described["components"]["schemas"].items():
        for field, value in known.items():
            if field in schema.get("properties", {}) and ("Body" in name or name.endswith("Message")):
                schema["properties"][field] = {"enum": [value]}
    described["components"]["schemas"]["FillMaskBody"]["properties"]["input"] = {"enum": [f"桥{MASK}"]}
    for path, operation in _operations(described):
        for parameter in operation.get("parameters", ()):
            name = next(
                each
                for start, each in (("/v1/files", file), ("/v1/batches", batch), ("/v1/models", "tiny"))
                if path.startswith(start)
            )
            if parameter["in"] == "path":
                parameter["schema"] = {"enum": [name]}
    return schemathesis.openapi.from_asgi("/openapi.json", endpoint_app)


def _operations(described: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            yield path, operation


@pytest.mark.parametrize(("path", "method"), sorted(OPERATIONS, key=lambda each: each[1] == "DELETE"))
def test_every_path_does_what_the_document_says(document: Any, path: str, method: str) -> None:
    seen: Counter[int] = Counter()

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(document[path][method].as_strategy())
    def check(case: Any) -> None:
        response = case.call_and_validate(checks=CHECKS)
        seen[response.status_code] += 1
        if response.status_code >= 400:
            assert set(json.loads(response.content)) == {"error"}
        assert "Traceback" not in response.text

    check()
    ended = path.endswith("/cancel")  # by then the batch has
    assert seen[400 if ended else 200], f"no request of {method} {path} was answered: {seen}"
