"""A Ray session: start a private one on this machine, or join the one at an address or that submitted this job.

It ends only what it started. Not for nodes that come and go: those are the cluster's provider's.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from cluster import environment
from cluster.errors import AddressError, Interrupted, ResourceError, TokenError, UserError
from cluster.loopback import listens_on_loopback_only, loopback_only

_CONNECT_SECONDS = 5.0
_STORE_BYTES_PER_CPU, _LEAST_STORE_BYTES = 64 << 20, 128 << 20  # for what tasks at work take and give; more spills to disk
_SPILLING_PROCESSES = 1  # that writes, and one that reads back; 45 MB each, and Ray's own choice is 4


@dataclass(frozen=True)
class Session:
    """The Ray that this process is a driver of. `log_folder` is empty where the session is not ours."""

    address: str
    private: bool
    cpus: float
    gpus: float
    log_folder: str = ""


@contextmanager
def session(address: str = "", cpus: int = 0, dashboard: bool = False) -> Iterator[Session]:
    """Be a Ray driver for the time of the block.

    `address`: `host:port` of a cluster, else RAY_ADDRESS (set inside a submitted job), else a private session with
    `cpus` logical processors (0: all), token authentication on and every port on loopback.
    Raises AddressError or TokenError where the cluster does not answer or refuses the token, ResourceError where a private one
    does not start, UserError where TLS is on for Ray (RAY_USE_TLS=1) and its files are not there, or where this process is a driver already: it has one session at a time.
    """
    _require_none_yet()
    require_tls_files()
    address = address or environment.ray_address()
    if address:
        yield from _join(address)
    else:
        yield from _private(cpus, dashboard)


def _require_none_yet() -> None:
    """A second `ray.init` would fail, and the clean-up after it would end the session that is there."""
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        raise UserError("this process is a driver of a Ray session already", "one session at a time", "end that one first")


def _join(address: str) -> Iterator[Session]:
    import ray

    if environment.has_token():
        use_token()
    _probe(address)
    with _like_the_cluster(address):
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.WARNING,
                _node_ip_address=environment.node_address() or None,  # else Ray prefers the head's raylet, and dies with it
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _unreachable(address) from error
        try:
            quiet_ray()
            with stop_on_sigterm():  # after ray.init, which takes the signal for itself
                yield _describe(address, private=False)
        finally:
            ray.shutdown()


def _like_the_cluster(address: str) -> AbstractContextManager[None]:
    """A driver of another process's private session is on loopback too; else they could not reach each other."""
    host, _, port = address.rpartition(":")
    on_loopback = port.isdigit() and listens_on_loopback_only(host.strip("[]"), int(port))
    return loopback_only() if on_loopback else nullcontext()


def _probe(address: str) -> None:
    """Tell at once, and apart, that nothing listens or that the token is refused; `ray.init` says neither, after 20 s."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError, RpcError

    host, _, port = address.rpartition(":")
    if address == "auto" or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
        GcsClient(address=address)
    except AuthenticationError as error:
        raise TokenError(
            f"the cluster at {address} refused the authentication token",
            "RAY_AUTH_TOKEN, or the file that RAY_AUTH_TOKEN_PATH names, holds the cluster's token",
            "fetch the token again from the cluster's head",
        ) from error
    except (OSError, RpcError) as error:
        raise _unreachable(address) from error


def _unreachable(address: str) -> AddressError:
    return AddressError(
        f"no Ray cluster answers at {address}", "host:port of its head", "check the address and that the head is up"
    )


def _private(cpus: int, dashboard: bool) -> Iterator[Session]:
    environment.default_to(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0", **environment.SERVE_PATIENCE)
    environment.default_to(ARROW_DEFAULT_MEMORY_POOL="system")  # of workers: others keep what was freed (cluster/memory.py)
    environment.python_first_on_path()  # a submitted job's `python` is looked up there
    use_token(secrets.token_hex(32))
    import ray

    folder = tempfile.mkdtemp(prefix="hl-", dir="/tmp")  # short: Ray's socket paths must stay under 107 bytes
    with loopback_only():
        try:
            _start(f"{folder}/r", cpus, dashboard)
            quiet_ray()
            with stop_on_sigterm():
                yield _describe("local", private=True, log_folder=f"{folder}/r/session_latest/logs")
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _start(folder: str, cpus: int, dashboard: bool) -> None:
    import ray

    try:
        ray.init(
            address="local",
            num_cpus=cpus or None,
            include_dashboard=dashboard,
            dashboard_host="127.0.0.1",
            _system_config={"max_io_workers": _SPILLING_PROCESSES},
            object_store_memory=object_store_bytes(cpus or os.cpu_count() or 1),
            log_to_driver=False,
            logging_level=logging.WARNING,
            _temp_dir=folder,  # Ray opens its own folder to everyone (0777); the one above stays closed
        )
    except Exception as error:  # Ray raises nothing narrower where its processes do not come up
        raise ResourceError(
            f"Ray did not start on this machine ({str(error) or type(error).__name__})",
            "free memory, disk and processor time",
            "see what `hanlin doctor` says, then run the same command again",
        ) from error


def object_store_bytes(cpus: int) -> int:
    """Of a private session, which shares the machine with a person."""
    return min(max(_LEAST_STORE_BYTES, cpus * _STORE_BYTES_PER_CPU), psutil.virtual_memory().available // 4)


def _describe(address: str, private: bool, log_folder: str = "") -> Session:
    import ray

    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return Session(address, private, total.get("CPU", 0.0), total.get("GPU", 0.0), log_folder)


def use_token(token: str = "") -> None:
    """Turn token authentication on in this process and those it starts, also where Ray is imported already.

    Ray reads the mode once, at import; an explicit address sends no token unless the mode is set (Ray 2.60).
    """
    environment.set_token_mode(token)
    from ray import _raylet

    _raylet.Config.initialize("")  # type: ignore[attr-defined]
    _raylet.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]


def require_tls_files() -> None:
    """Where TLS is on for Ray, all three files must be there: Ray's own processes would only die of it. Raises UserError."""
    for name, path in environment.ray_tls_files().items():
        if not path or not Path(path).is_file():
            raise UserError(
                f"RAY_USE_TLS is on and {name} names {path or 'nothing'}",
                "a PEM file of this machine",
                "see docs/security.md, or unset RAY_USE_TLS",
            )


def quiet_ray() -> None:
    """One display is ours: Ray's own notices stay out of it."""
    warnings.filterwarnings("ignore", module=r"ray\..*")


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that both leave the same restartable state (main thread only)."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise Interrupted("asked to stop (SIGTERM)", "", "run the same command again to go on")

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
