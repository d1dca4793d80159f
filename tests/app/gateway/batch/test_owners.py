"""With API keys: a tenant's files and batches are its own, and a batch runs as the one who brought it."""

import asyncio
import json
from pathlib import Path

import httpx

from app.gateway.batch.inside import Inside
from app.gateway.batch.runner import BatchRunner
from app.gateway.batch.store import BatchStore
from app.gateway.batch.worker import BatchWorker
from app.gateway.feedback import FeedbackStore
from app.gateway.http import create_app
from app.gateway.limits.keys import SCOPES
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.settings import GatewaySettings
from cluster.storage import locate
from tests.app.gateway.conftest import ScriptedUpstream
from tests.app.gateway.limits.test_guarded_endpoint import CHAT, bearer, keys_file
from workloads.serving.card import ModelCard


def test_a_batch_is_its_tenants(card: ModelCard, tmp_path: Path) -> None:
    file, shown, _ = keys_file(tmp_path, shop=tuple(SCOPES), bank=tuple(SCOPES))
    keep = locate(str(tmp_path / "kept"))
    service = Service(ScriptedUpstream(card), 60, GatewaySettings(keys=file))
    service.models.set_table({"tiny": (Route("7", "model-7"),)})
    app, store = create_app(service, keep=keep), BatchStore(keep)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "桥"}]}
    line = json.dumps({"custom_id": "1", "method": "POST", "url": CHAT, "body": body}).encode()

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            shop, bank = bearer(shown["shop"]), bearer(shown["bank"])
            sent = await client.post("/v1/files", files={"file": ("a", line)}, data={"purpose": "batch"}, headers=shop)
            wanted = {"input_file_id": sent.json()["id"], "endpoint": CHAT, "completion_window": "24h"}
            assert (await client.post("/v1/batches", json=wanted, headers=bank)).status_code == 404
            assert (await client.post("/v1/batches", json=wanted)).status_code == 401
            batch = (await client.post("/v1/batches", json=wanted, headers=shop)).json()["id"]
            await BatchWorker(store, BatchRunner(store, Inside(app).ask)).round()
            assert (await client.get(f"/v1/batches/{batch}", headers=bank)).status_code == 404
            done = (await client.get(f"/v1/batches/{batch}", headers=shop)).json()
            assert (done["status"], done["request_counts"]["completed"]) == ("completed", 1)
            assert (await client.get(f"/v1/files/{done['output_file_id']}/content", headers=bank)).status_code == 404
            for name in (sent.json()["id"], done["output_file_id"]):
                for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
                    stranger = await client.request(method, f"/v1/files/{name}{path}", headers=bank)
                    assert stranger.status_code == 404
                    assert "shop" not in stranger.text
                assert (await client.get(f"/v1/files/{name}/content", headers=shop)).status_code == 200
            assert (await client.post(f"/v1/batches/{batch}/cancel", headers=bank)).status_code == 404
            assert (await client.get(f"/v1/files?after={sent.json()['id']}", headers=bank)).status_code == 400
            for path in ("/v1/files", "/v1/batches"):
                assert (await client.get(path, headers=bank)).json()["data"] == []
                assert len((await client.get(path, headers=shop)).json()["data"]) > 0
            assert (await client.post(CHAT, json=body)).status_code == 401
            assert (await client.post("/v1/feedback", json={"id": "a", "rating": 1}, headers=bank)).status_code == 200
            assert [each.tenant for each in FeedbackStore(keep).read()] == ["bank"]
            (kept,) = FeedbackStore(keep).read()
            assert (await client.get(f"/v1/feedback/{kept.id}", headers=shop)).status_code == 404

    asyncio.run(run())
