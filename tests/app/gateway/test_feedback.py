"""Feedback is kept, a file each, and can be read back whole."""

from pathlib import Path

import pytest

from app.gateway.feedback import FeedbackStore
from cluster.storage import locate
from tests.app.gateway.conftest import Endpoint

PATH = "/v1/feedback"


@pytest.fixture
def kept(endpoint: Endpoint, tmp_path: Path) -> FeedbackStore:
    endpoint.keep = locate(str(tmp_path))
    return FeedbackStore(endpoint.keep)


def test_ratings_and_corrections_are_kept_in_order(endpoint: Endpoint, kept: FeedbackStore) -> None:
    said = [{"role": "user", "content": "几座桥？"}]
    first = endpoint.request("POST", PATH, json={"id": "chatcmpl-1", "rating": -1, "messages": said, "answer": "两座。"})
    endpoint.request("POST", PATH, json={"id": "chatcmpl-1", "correction": "一座。", "model": "tiny@7", "user": "甲"})
    assert first.json() | {"id": "", "created": 0} == {"id": "", "object": "feedback", "created": 0, "answer_id": "chatcmpl-1"}
    one, two = kept.read()
    assert (one.id, one.answer_id, one.rating, one.tenant) == (first.json()["id"], "chatcmpl-1", -1, "")
    assert (one.messages, one.answer) == ((("user", "几座桥？"),), "两座。")
    assert (two.correction, two.model, two.user, two.rating) == ("一座。", "tiny@7", "甲", None)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rating": 1}, "id"),
        ({"id": "a/../b", "rating": 1}, "id"),
        ({"id": "a"}, "rating"),
        ({"id": "a", "rating": 2}, "rating"),
        ({"id": "a", "rating": "up"}, "rating"),
        ({"id": "a", "correction": ""}, "correction"),
        ({"id": "a", "comment": "x" * 70_000}, "comment"),
        ({"id": "a", "rating": 1, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
    ],
)
def test_feedback_that_says_nothing_is_refused(
    endpoint: Endpoint, kept: FeedbackStore, body: dict[str, object], param: str
) -> None:
    response = endpoint.request("POST", PATH, json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert list(kept.read()) == []


def test_an_endpoint_without_a_store_has_no_such_path(endpoint: Endpoint) -> None:
    assert endpoint.request("POST", PATH, json={"id": "a", "rating": 1}).status_code == 404
