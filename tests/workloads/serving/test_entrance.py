"""What is before the gateways: HAProxy where it is there and can do what is asked, and in a private session on loopback alone."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from cluster.errors import UserError
from cluster.local.plan import free_ports
from workloads.serving import entrance, entrance_machines, haproxy
from workloads.serving.entrance import entrance_environment
from workloads.serving.entrance_machines import against_on_machines, prepare
from workloads.serving.spec import ServingSpec

CONFIGURATION = """
defaults
    mode http
    timeout client 1s
frontend metrics
    bind :{RAY_SERVE_HAPROXY_METRICS_PORT}
frontend endpoint
    bind *:8000
listen statistics
  bind *:{RAY_SERVE_HAPROXY_STATS_PORT}
"""


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a private session."""
    if not haproxy.program():
        pytest.skip("HAProxy is not installed")
    monkeypatch.setattr(entrance, "private_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def on_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "private_folder", lambda: None)
    monkeypatch.setattr(entrance, "against_on_machines", lambda *_: "")


def test_in_a_private_session_all_but_the_endpoint_is_on_loopback(private: Path) -> None:
    variables = entrance_environment(ServingSpec())
    assert variables["RAY_SERVE_ENABLE_HA_PROXY"] == variables["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    file = private / "configuration"
    file.write_text(CONFIGURATION.format(**variables))
    command = [variables["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-c", "-f", str(file)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0, "HAProxy takes what is left"
    binds = [line.split()[-1] for line in file.read_text().splitlines() if "bind" in line]
    pages = [variables["RAY_SERVE_HAPROXY_METRICS_PORT"], variables["RAY_SERVE_HAPROXY_STATS_PORT"]]
    assert binds == [f"127.0.0.1:{pages[0]}", "*:8000", f"127.0.0.1:{pages[1]}"], "the endpoint's own host is the recipe's"
    assert all(value.startswith(str(private)) for name, value in variables.items() if "SOCKET" in name)


WRITTEN = """
import asyncio
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig

async def write():
    config = HAProxyConfig(socket_path="{folder}/admin", is_head=True)
    gateway = BackendConfig(name="gateway", path_prefix="/", servers=[ServerConfig(name="one", host="127.0.0.1", port=1)])
    HAProxyApi(config, {{"gateway": gateway}}, "{file}")._generate_config_file_internal()

asyncio.run(write())
"""

KILLED = """
import signal, subprocess, sys, os
process = subprocess.Popen([sys.argv[1], "-db", "-f", sys.argv[2]])
while not os.path.exists(sys.argv[3]):
    process.poll()
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_haproxy_outlives_a_killed_session(private: Path) -> None:
    if not shutil.which("setpriv"):
        pytest.skip("setpriv (util-linux) is not installed")
    socket = private / "socket"
    program = entrance_environment(ServingSpec())["RAY_SERVE_HAPROXY_BINARY_PATH"]
    file = private / "configuration"
    file.write_text(f"defaults\n timeout client 1s\nfrontend page\n bind {socket}\n mode http\n")
    command = [sys.executable, "-c", KILLED, program, str(file), str(socket)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    end = time.monotonic() + 30
    while not ended(int(done.stdout)):
        assert time.monotonic() < end, "HAProxy goes on without the process that started it"
        time.sleep(0.01)


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_two_sessions_share_no_port(private: Path) -> None:
    ports = [value for _ in range(2) for name, value in entrance_environment(ServingSpec()).items() if name.endswith("_PORT")]
    assert len(set(ports)) == len(ports) == 6


def test_serve_writes_what_haproxy_takes(private: Path) -> None:
    """Our lines stand where Serve's template lets them in: after its own, in what holds for everything."""
    variables = entrance_environment(ServingSpec())
    command = [sys.executable, "-c", WRITTEN.format(file=private / "configuration", folder=private)]
    subprocess.run(command, env=os.environ | variables, check=True, timeout=120)
    done = subprocess.run([haproxy.program(), "-c", "-f", str(private / "configuration")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    defaults = (private / "configuration").read_text().partition("defaults")[2].partition("frontend")[0]
    assert defaults.rindex("http-error status 503") > defaults.rindex("errorfile 503"), "the later one counts"
    assert "timeout client 60s" in defaults
    assert "timeout server 310s" in defaults
    shown = re.search(r"http-error status 503 .* string '(.*)' hdr", defaults)
    assert shown is not None
    assert set(json.loads(shown[1])["error"]) == {"message", "type", "param", "code"}


@pytest.mark.usefixtures("on_cluster")
def test_on_a_cluster_it_is_the_entrance_where_every_machine_can_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[list[int]] = []

    def says(*reasons: str) -> None:
        left = list(reasons)
        monkeypatch.setattr(entrance, "against_on_machines", lambda _, ports, __: tried.append(ports) or left.pop(0))

    says("port 1 on another is taken", "port 2 on another is taken", "")
    assert entrance_environment(ServingSpec())["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert len({tuple(ports) for ports in tried}) == 3, "with other ports each time"
    says("port 1 on another is taken", "port 2 on another is taken", "port 3 on another is taken")
    assert "RAY_SERVE_ENABLE_HA_PROXY" not in entrance_environment(ServingSpec())
    says("HAProxy does not run on another")  # asked once: it will not run in a moment either
    with pytest.raises(UserError, match="does not run on another"):
        entrance_environment(ServingSpec(entrance="haproxy"))


@pytest.mark.parametrize("head_alone", [False, True])
@pytest.mark.usefixtures("ray_session", "private")
def test_a_machine_is_asked_and_has_the_folder_for_its_user_alone(tmp_path: Path, head_alone: bool) -> None:
    folder = tmp_path / "shared"
    assert against_on_machines(folder, free_ports(2), head_alone) == ""
    assert folder.stat().st_mode & 0o777 == 0o700
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert against_on_machines(folder, [port], head_alone).startswith(f"port {port} on ")
    assert "cannot be used" in against_on_machines(tmp_path / "no" / "such", [], head_alone)


@pytest.mark.usefixtures("ray_session")
def test_a_machine_that_fails_to_say_is_one_that_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance_machines, "prepare", lambda *_: 1 / 0)
    assert "a machine could not say whether HAProxy runs there" in against_on_machines(tmp_path / "shared", [])
    alive = [entrance_machines._machines(head_alone=False), []]
    monkeypatch.setattr(entrance_machines, "_machines", lambda _: alive.pop(0))
    assert against_on_machines(tmp_path / "shared", []) == "", "one that has died meanwhile is none"


@pytest.mark.usefixtures("private")
def test_a_folder_of_another_user_a_link_and_a_machine_without_the_program_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, link = tmp_path / "shared", tmp_path / "link"
    folder.mkdir(mode=0o755)
    link.symlink_to(folder)
    assert "is no folder" in prepare(str(link), [])
    assert folder.stat().st_mode & 0o777 == 0o755
    assert prepare(str(folder), []) == ""
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert "belongs to another user" in prepare(str(folder), [])
    monkeypatch.setattr(entrance_machines, "program", lambda: "")
    assert "HAProxy does not run on" in prepare(str(folder), [])


def test_haproxy_binds_the_longest_socket_that_serve_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve adds a folder of 56 characters for the machine; HAProxy first binds a name with its process's number, which is longer."""
    if not haproxy.program():
        pytest.skip("HAProxy is not installed")
    monkeypatch.setattr(os, "getuid", lambda: 2**32 - 1)
    longest = len(f"{entrance._shared_folder()}/") + 56
    monkeypatch.undo()
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as short:
        folder = Path(short) / ("x" * (longest - len(short) - 1))
        folder.mkdir()
        file = folder / "cfg"
        file.write_text(f"defaults\n timeout client 1s\nfrontend page\n bind {folder}/metrics\n mode http\n")
        with subprocess.Popen([haproxy.program(), "-db", "-f", str(file)]) as process:
            try:
                end = time.monotonic() + 30
                while not (folder / "metrics").exists():
                    assert process.poll() is None, "HAProxy does not take the path"
                    assert time.monotonic() < end, "HAProxy does not bind the path"
                    time.sleep(0.01)
            finally:
                process.kill()


@pytest.mark.usefixtures("on_cluster")
def test_an_answer_may_take_its_time_while_gateways_change() -> None:
    variables = entrance_environment(ServingSpec(entrance="haproxy", request_timeout=400.5))
    assert float(variables["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]) > 400.5
    assert "RAY_SERVE_HAPROXY_BINARY_PATH" not in variables


def test_without_haproxy_serve_s_own_proxy_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(entrance, "private_folder", lambda: tmp_path)
    of_both = {"RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2"}
    assert entrance_environment(ServingSpec(entrance="serve")) == of_both
    tls = {"tls_certificate": "server.crt", "tls_key": "server.key"}
    assert entrance_environment(ServingSpec(**tls)) == of_both
    with pytest.raises(UserError, match=r"entrance is haproxy, but: Serve's HAProxy has no TLS.*set it to auto"):
        entrance_environment(ServingSpec(entrance="haproxy", **tls))
    for program in ("", "/no/such/haproxy", "/bin/false"):
        monkeypatch.setattr(haproxy, "program", lambda found=program: found)
        assert entrance_environment(ServingSpec()) == of_both
        with pytest.raises(UserError, match="does not run here"):
            entrance_environment(ServingSpec(entrance="haproxy"))


@pytest.mark.usefixtures("private")
def test_which_one_it_is_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="workloads.serving.entrance"):
        entrance_environment(ServingSpec())
        entrance_environment(ServingSpec(entrance="serve"))
        entrance_environment(ServingSpec(tls_certificate="server.crt", tls_key="server.key"))
    told = [record.__dict__["facts"] for record in caplog.records if record.getMessage() == "entrance"]
    assert [facts["chosen"] for facts in told] == ["haproxy", "serve", "serve"]
    assert "no TLS" in told[2]["reason"]
