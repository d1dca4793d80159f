"""Files: kept, listed in pages, given back and removed; nobody sees another's."""

from pathlib import Path

import pytest

from app.gateway.batch.files import FileStore
from cluster.errors import MissingError
from cluster.storage import locate
from tests.app.gateway.conftest import Endpoint

LINES = '{"custom_id": "一"}\n'.encode()


def upload(endpoint: Endpoint, content: bytes = LINES, purpose: str = "batch") -> str:
    response = endpoint.request("POST", "/v1/files", files={"file": ("桥.jsonl", content)}, data={"purpose": purpose})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def test_a_file_comes_back_as_it_was(keeping: Endpoint) -> None:
    name = upload(keeping)
    told = keeping.request("GET", f"/v1/files/{name}").json()
    assert (told["object"], told["filename"], told["bytes"], told["purpose"]) == ("file", "桥.jsonl", len(LINES), "batch")
    assert keeping.request("GET", f"/v1/files/{name}/content").content == LINES


def test_a_removed_file_is_gone(keeping: Endpoint) -> None:
    name = upload(keeping)
    assert keeping.request("DELETE", f"/v1/files/{name}").json() == {"id": name, "object": "file", "deleted": True}
    assert keeping.request("GET", f"/v1/files/{name}").status_code == 404
    assert keeping.request("GET", f"/v1/files/{name}/content").json()["error"]["code"] == "not_found"


def test_lists_come_in_pages(keeping: Endpoint) -> None:
    names = {upload(keeping) for _ in range(3)}
    first = keeping.request("GET", "/v1/files?limit=2").json()
    assert first["has_more"]
    rest = keeping.request("GET", f"/v1/files?after={first['last_id']}").json()
    assert not rest["has_more"]
    assert {file["id"] for file in first["data"] + rest["data"]} == names
    assert keeping.request("GET", "/v1/files?after=file-none").json()["error"]["param"] == "after"
    assert keeping.request("GET", "/v1/files?purpose=other").json()["data"] == []


def test_nobody_sees_anothers_file(tmp_path: Path) -> None:
    root = locate(str(tmp_path / "kept"))
    (tmp_path / "lines").write_bytes(LINES)
    shop, bank = FileStore(root, "shop"), FileStore(root, "bank")
    name = shop.add(tmp_path / "lines", "lines", "batch").id
    assert shop.show(name).bytes == len(LINES)
    for look in (bank.show, bank.content, bank.remove):
        with pytest.raises(MissingError, match="no file"):
            look(name)
    assert bank.all() == []
    assert [file.id for file in shop.all()] == [name]


@pytest.mark.parametrize(
    "arguments",
    [
        {"files": {"file": ("a", b"")}, "data": {"purpose": "fine-tune"}},
        {"files": {"file": ("a", b"")}},
        {"data": {"purpose": "batch"}},
        {"json": {"purpose": "batch"}},
        {"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"", "headers": {"content-type": "multipart/form-data"}},
    ],
)
def test_what_is_no_upload_is_400(keeping: Endpoint, arguments: dict[str, object]) -> None:
    response = keeping.request("POST", "/v1/files", **arguments)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "%2e%2e", "x" * 101])
def test_an_id_is_no_path(keeping: Endpoint, name: str) -> None:
    assert keeping.request("GET", f"/v1/files/{name}/content").status_code in (400, 404)
