"""Sessions: private ones carry a token and leave nothing behind; what cannot be reached or placed is said in one line."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster.errors import Interrupted, UserError
from cluster.session import Session, object_store_bytes, session, stop_on_sigterm

JOIN = "from cluster.session import session\nwith session({address!r}): print('joined')"


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    return subprocess.run([sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, timeout=120)


def test_a_private_session_has_a_token_and_only_loopback(ray_session: Session) -> None:
    assert ray_session.private
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_AUTH_TOKEN"] not in repr(ray_session)


def test_the_object_store_grows_with_the_processors_and_leaves_the_machine_its_memory() -> None:
    assert object_store_bytes(1) == object_store_bytes(2) <= 128 << 20
    assert 128 << 20 < object_store_bytes(4) <= 256 << 20
    assert object_store_bytes(1 << 20) < psutil.virtual_memory().total / 4


def test_a_second_session_is_refused_and_the_first_goes_on(ray_session: Session) -> None:
    import ray

    token = os.environ["RAY_AUTH_TOKEN"]
    with pytest.raises(UserError, match="a driver of a Ray session already; one session at a time"), session(cpus=1):
        pass
    assert ray.is_initialized()
    assert os.environ["RAY_AUTH_TOKEN"] == token


def test_a_stale_token_is_refused_in_one_line(ray_session: Session) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    done = run_python(JOIN.format(address=address), RAY_AUTH_TOKEN="stale" * 12, RAY_AUTH_MODE="token")
    assert "joined" not in done.stdout
    assert "TokenError" in done.stderr
    assert "refused the authentication token" in done.stderr
    assert "stalestale" not in done.stderr.rsplit("TokenError", 1)[-1]


def test_the_right_token_joins(ray_session: Session) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    done = run_python(JOIN.format(address=address), RAY_AUTH_TOKEN=os.environ["RAY_AUTH_TOKEN"])
    assert "joined" in done.stdout, done.stderr


def test_an_address_where_nothing_answers() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = run_python(JOIN.format(address=f"127.0.0.1:{port}"))
    assert done.returncode != 0
    assert f"no Ray cluster answers at 127.0.0.1:{port}" in done.stderr


def test_a_ray_that_does_not_start_is_one_line() -> None:
    code = """
import ray
from cluster.entry import exit_status
from cluster.session import session

def fail(**_):
    raise Exception("The current node timed out during startup.")

def run():
    with session(cpus=1):
        print("started")

ray.init = fail
print(exit_status(run))
"""
    done = run_python(code)
    assert done.stdout == "2\n", done.stderr
    assert done.stderr.startswith(
        "error: Ray did not start on this machine (The current node timed out during startup.); free memory"
    )
    assert len(done.stderr.splitlines()) == 1


def test_sigterm_becomes_an_interruption() -> None:
    def stop_oneself() -> None:
        with stop_on_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(Interrupted, match="run the same command again"):
        stop_oneself()


@pytest.mark.slow
def test_a_private_session_leaves_nothing_behind() -> None:
    code = "import ray\nfrom cluster.session import session\nwith session(cpus=1) as s: print(s.log_folder, ray.cluster_resources()['CPU'])"
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.split()[0]).parents[2]
    assert folder.name.startswith("hl-")
    assert not folder.exists()
