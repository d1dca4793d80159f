"""The endpoint with TLS: real handshakes with a certificate whose authority was made a moment ago."""

import ssl
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import ArtifactStore
from cluster.errors import AddressError, UnavailableError, UserError
from cluster.session import Session
from tests.certificates import make_certificate
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port, require_certificate
from workloads.serving.deploy import deploy_revision, start_http, stop_serving
from workloads.serving.spec import ServingSpec


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="give both or neither"):
        ServingSpec(tls_certificate="server.crt")


def test_files_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    one, other = make_certificate(tmp_path / "one"), make_certificate(tmp_path / "other")
    require_certificate(ServingSpec(tls_certificate=str(one.certificate), tls_key=str(one.key)))
    for key in (str(other.key), str(tmp_path / "absent.key")):
        with pytest.raises(UserError, match=r"cannot be used .*serving\.tls_key") as caught:
            require_certificate(ServingSpec(tls_certificate=str(one.certificate), tls_key=key))
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_answers_come_over_tls_only(ray_session: Session, tmp_path: Path) -> None:
    files = make_certificate(tmp_path / "tls")
    spec = ServingSpec(
        port=free_port(),
        cpus_per_replica=0.5,
        threads=1,
        slots=2,
        drain_seconds=1,
        tls_certificate=str(files.certificate),
        tls_key=str(files.key),
    )
    model = commit_model(ArtifactStore(str(tmp_path / "store")), write_model(tmp_path / "m"), "1")
    try:
        app = deploy_revision(spec, model, "1")
        url = start_gateway(spec, single_route("tiny", "1", app))
        assert url == f"https://127.0.0.1:{spec.port}"
        wait_ready(url, certificate=spec.tls_certificate)
        trust = ssl.create_default_context(cafile=str(files.authority))
        with httpx.Client(base_url=url, verify=trust, timeout=60) as client:
            body = {"model": "tiny", "prompt": "青石镇", "max_tokens": 4}
            assert client.post("/v1/completions", json=body).json()["usage"]["completion_tokens"] > 0
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/healthz")
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{spec.port}/healthz")
        with pytest.raises(UnavailableError, match="not ready"):
            wait_ready(url, seconds=0, certificate=str(make_certificate(tmp_path / "stranger").certificate))
        with pytest.raises(AddressError, match="serves with another certificate"):
            start_http(spec.model_copy(update={"tls_certificate": "", "tls_key": ""}))
    finally:
        stop_gateway()
        stop_serving()
