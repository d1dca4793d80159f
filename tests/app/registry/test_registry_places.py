"""The registry where it grows up: a store on an S3-protocol server, and a real MLflow server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.registry import RegistrySpec, open_registry
from cluster.artifacts import ArtifactStore
from cluster.errors import AddressError, ArtifactError
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter
from cluster.stage import StageContext
from cluster.storage import read_bytes, write_bytes


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def s3_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactStore]:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"{host}:{port}"
    S3FileSystem(endpoint_override=endpoint, scheme="http", region="us-east-1", allow_bucket_creation=True).create_dir("models")
    yield ArtifactStore(f"s3://models/store?endpoint_override={endpoint}&scheme=http")
    server.stop()


def test_a_store_on_s3_keeps_records_and_audit(s3_store: ArtifactStore, empty_database: Path, tmp_path: Path) -> None:
    database = tmp_path / "registry.db"
    database.write_bytes(empty_database.read_bytes())
    context = StageContext("far", s3_store, SilentReporter(), folder=tmp_path)
    registry = open_registry(RegistrySpec(tracking_uri="sqlite:///registry.db"), context)
    work = Work("model", {}, {}, 1)
    with s3_store.draft(work) as draft:
        draft.write("model.safetensors", b"weights")
    model = s3_store.open("model", work.fingerprint)
    graded = Work("evaluation", {}, {"model": model.fingerprint}, 1)
    with s3_store.draft(graded) as draft:
        draft.write("report.json", b"{}")
    evaluation = s3_store.open("evaluation", graded.fingerprint)
    assert registry.register(model, evaluation).aliases == ("production",)
    known = registry.registered(model, evaluation)
    assert known is not None
    assert known.number == 1
    assert [entry.action for entry in registry.audit.entries()] == ["register", "promote"]
    assert registry.verify_audit() == 2
    assert registry.load().content_hash == model.content_hash
    weights = model.location / "model.safetensors"
    write_bytes(weights, read_bytes(weights).upper())
    with pytest.raises(ArtifactError, match="differs"):
        registry.load()


def test_a_server_that_does_not_answer_is_one_line(context: StageContext, make_model, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = open_registry(RegistrySpec(tracking_uri=f"http://127.0.0.1:{_free_port()}"), context)
    with pytest.raises(AddressError, match=r"no MLflow server answers at http://127\.0\.0\.1") as caught:
        registry.register(make_model(1), None)
    assert "\n" not in str(caught.value)


@pytest.fixture
def mlflow_server(empty_database: Path, tmp_path: Path) -> Iterator[str]:
    database = tmp_path / "server.db"
    database.write_bytes(empty_database.read_bytes())
    port = _free_port()
    place = ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(tmp_path / "served")]
    command = [sys.executable, "-m", "mlflow", "server", *place, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=_quiet_environment())
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _quiet_environment() -> dict[str, str]:
    return os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}


def _wait_until_healthy(uri: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{uri}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail(f"the MLflow server did not become healthy (exit status {server.poll()})")


@pytest.mark.slow
def test_a_real_mlflow_server(mlflow_server: str, context: StageContext, make_model, evaluate) -> None:  # type: ignore[no-untyped-def]
    registry = open_registry(RegistrySpec(tracking_uri=mlflow_server), context)
    models = [make_model(steps) for steps in (3, 4)]
    numbers = [registry.register(model, evaluate(model)).number for model in models]
    assert numbers == [1, 2]
    assert registry.promote().number == 2
    assert registry.rollback().number == 1
    assert registry.load().content_hash == models[0].content_hash
    assert {r.number: r.aliases for r in registry.revisions()} == {1: ("production",), 2: ()}
    assert registry.models() == ["test"]
    assert registry.verify_audit() == 5
