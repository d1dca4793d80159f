"""Secure by default: loopback only, a token that stands in no log, a job API that asks for it, and TLS where wanted."""

import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster.errors import UserError
from cluster.session import Session, require_tls_files
from tests.certificates import Certificate, make_certificate

WORK = """
import json, os, ray, httpx
from cluster.session import session

@ray.remote(num_cpus=1)
class Counter:
    def count(self):
        print("counting")
        return 1

with session(cpus=2, dashboard=True) as running:
    assert ray.get(Counter.remote().count.remote()) == 1
    token = os.environ["RAY_AUTH_TOKEN"]
    url = f"http://{ray._private.worker._global_node.webui_url}"
    agent = "http://127.0.0.1:52365/api/job_agent"
    job = {"entrypoint": "echo done"}
    ask = lambda base=f"{url}/api", **headers: httpx.post(f"{base}/jobs/", json=job, headers=headers, timeout=60).status_code
    answers = {"none": ask(), "wrong": ask(Authorization="Bearer " + "0" * 64), "agent": ask(agent)}
    answers["right"] = ask(Authorization=f"Bearer {token}")
    logs = os.path.dirname(os.path.realpath(running.log_folder))
    files = [os.path.join(top, name) for top, _, names in os.walk(logs) for name in names]
    read = {file: open(file, "rb").read() for file in files if os.path.isfile(file)}
    found = [os.path.relpath(file, logs) for file, data in read.items() if token.encode() in data]
    print(json.dumps({"answers": answers, "read": len(read), "bytes": sum(map(len, read.values())), "found": found,
                      "mode": oct(os.stat(os.path.dirname(os.path.dirname(logs))).st_mode & 0o777)}))
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    return subprocess.run([sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, timeout=200)


def listening(session_folder: str) -> dict[str, set[str]]:
    """The addresses that processes of this session listen on."""
    own = psutil.Process()
    processes = {own, *own.children(recursive=True)}
    found: dict[str, set[str]] = {}
    for process in processes | {p for p in psutil.process_iter() if session_folder in " ".join(_words(p))}:
        try:
            places = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
            found.setdefault(process.name(), set()).update(places)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return {name: places for name, places in found.items() if places}


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_nothing_of_a_private_session_listens_beyond_this_machine(ray_session: Session) -> None:
    found = listening(str(Path(ray_session.log_folder).parents[1]))
    assert {"raylet", "gcs_server"} <= set(found)
    assert {place for places in found.values() for place in places} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.slow
def test_the_job_api_asks_for_the_token_and_no_log_has_it() -> None:
    done = run_python(WORK)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {found["answers"][case] for case in ("none", "wrong", "agent")} <= {401, 403}
    assert found["read"] > 10
    assert found["bytes"] > 1000
    assert found["found"] == []
    assert found["mode"] == "0o700"
    if found["answers"]["right"] == 500:
        pytest.skip("the token was taken, but another Ray of this machine holds port 52365, which every job agent wants")
    assert found["answers"]["right"] == 200


def test_tls_without_its_files_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_tls_files()
    monkeypatch.setenv("RAY_USE_TLS", "1")
    monkeypatch.setenv("RAY_TLS_SERVER_CERT", str(tmp_path / "absent.crt"))
    with pytest.raises(UserError, match=r"RAY_TLS_SERVER_CERT names .*absent\.crt.*docs/security\.md"):
        require_tls_files()


TLS = """
import ray, sys
from cluster.session import session

with session(cpus=1) as running:
    assert ray.get(ray.remote(num_cpus=1)(lambda: 6 * 7).remote()) == 42
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.readline()
"""


def tls_variables(files: Certificate) -> dict[str, str]:
    return {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(files.certificate),
        "RAY_TLS_SERVER_KEY": str(files.key),
        "RAY_TLS_CA_CERT": str(files.authority),
    }


def shake_hands(address: str, trust: Certificate, show: Certificate | None) -> str:
    """The version of TLS that Ray's head agrees on with a client that shows this certificate, after a first byte of its own."""
    context = ssl.create_default_context(cafile=str(trust.authority))
    context.set_alpn_protocols(["h2"])
    if show is not None:
        context.load_cert_chain(show.certificate, show.key)
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert tls.recv(1)  # a refused client gets an alert here, since TLS 1.3 asks for its certificate last
        return tls.version() or ""


@pytest.mark.slow
def test_ray_with_tls_talks_to_its_own_only(tmp_path: Path) -> None:
    files, stranger = make_certificate(tmp_path / "ours"), make_certificate(tmp_path / "stranger")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    command = [sys.executable, "-c", TLS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean | tls_variables(files), **pipes) as process:  # type: ignore[call-overload]
        address = process.stdout.readline().strip()
        assert address.startswith("127.0.0.1:")
        try:
            assert shake_hands(address, files, show=files).startswith("TLSv1.")
            with pytest.raises(ssl.SSLCertVerificationError):
                shake_hands(address, stranger, show=files)
            for other in (None, stranger):
                with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                    shake_hands(address, files, show=other)
        finally:
            process.communicate("\n", timeout=100)
    assert process.returncode == 0
