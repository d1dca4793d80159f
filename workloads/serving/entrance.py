"""What takes HTTP before the gateways: HAProxy that hands each request straight to one, where it is there; else Ray Serve's own proxy.

Serve reads all of this from the environment of its controller and of what that starts, so it is given to the controller. Not for
addresses and ports of the endpoint (deploy.py).
"""

import json
import logging
import math
import os
from pathlib import Path

from cluster.errors import UserError
from cluster.local.plan import free_ports
from cluster.loopback import private_folder
from cluster.observe.logs import event
from workloads.serving import haproxy
from workloads.serving.entrance_machines import PORT, against_on_machines
from workloads.serving.spec import ServingSpec

_LOG = logging.getLogger(__name__)

_LEAVE_SECONDS = 2
"""From when a gateway is taken out until it takes no more. Serve's 30 s are for balancers that ask for its health from time to time;
HAProxy is told within 0.1 s, and asks another gateway where one takes no more connections."""

_LOOK_SECONDS = 2
"""Between two looks at the process that is a machine's entrance, of either kind; three that find none start another. With Serve's 10 s
a machine whose entrance was killed had none for 30 s."""

_TRIES = 3

_LATER_SECONDS = 10
"""After the longest answer that the gateway allows, which is to tell its client first."""

_UNREAD_SECONDS = 60
"""From when a connection is closed whose client neither ends its request's head nor reads what it is sent. The gateway tells clients
sooner, those that it hears of (app/gateway/limits/wire.py). Waiting for an answer does not count (seen with HAProxy 2.8)."""

_HEAD_BYTES = 32 << 10
"""A request's head from which on HAProxy refuses it in a few words of HTML, as all that is no HTTP; below it, the gateway does."""

_NO_GATEWAY = json.dumps(
    {
        "error": {
            "message": "no gateway answers; send the request again shortly",
            "type": "server_error",
            "param": None,
            "code": "unavailable",
        }
    }
)
_ERROR_LINE = "http-error status {status} content-type application/json string '{body}' hdr Retry-After 2"
_ALGORITHM = "\n    ".join(["leastconn", *(_ERROR_LINE.format(status=each, body=_NO_GATEWAY) for each in (502, 503, 504))])
"""How HAProxy chooses a gateway, which is the last of the lines that Serve writes for everything, and ours after it: Serve's template
takes no others (2.60)."""

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
    """The variables with which Serve's controller is to start. Logs which entrance it is. Raises UserError where HAProxy is asked for by
    name and cannot be had."""
    reason, variables = _against(spec), dict[str, str]()
    if not reason:
        variables, reason = _in_private(spec) if private_folder() else _on_cluster(spec)
    if reason and spec.entrance == "haproxy":
        raise UserError(f"serving.entrance is haproxy, but: {reason}", "HAProxy, and no TLS", "set it to auto")
    event(_LOG, "entrance", logging.INFO, chosen="serve" if reason else "haproxy", reason=reason)
    return variables | {"RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": str(_LOOK_SECONDS)}


def _against(spec: ServingSpec) -> str:
    """Why HAProxy is not asked for; empty where it is."""
    if spec.entrance == "serve":
        return "serving.entrance says so"
    return "Serve's HAProxy has no TLS" if spec.tls_certificate else ""


def _in_private(spec: ServingSpec) -> tuple[dict[str, str], str]:
    """Serve's variables, and why there are none."""
    folder, ports = private_folder(), _free_ports()
    if folder is None or not haproxy.runs(found := haproxy.program()):
        return {}, "HAProxy does not run here; it comes with ray[serve] on Linux"
    places = _closed(folder / "haproxy", found, list(ports.values()))
    return _settings(spec) | ports | places, ""


def _on_cluster(spec: ServingSpec) -> tuple[dict[str, str], str]:
    """The same for all machines that have an entrance."""
    folder = _shared_folder()
    for _ in range(_TRIES):
        ports = _free_ports()
        reason = against_on_machines(folder, [int(port) for port in ports.values()], spec.proxies == "head")
        if not reason.startswith(PORT):  # one that is free here may be taken elsewhere
            break
    return ({}, reason) if reason else (_settings(spec) | ports | _places(folder), "")


def _settings(spec: ServingSpec) -> dict[str, str]:
    longest = str(math.ceil(spec.request_timeout) + _LATER_SECONDS)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": longest,  # one from before a change of gateways may have the longest answer to give
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": longest,  # a gateway whose machine is gone says nothing any more
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(_UNREAD_SECONDS),
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(_HEAD_BYTES),
        "RAY_SERVE_HAPROXY_BALANCE_ALGORITHM": _ALGORITHM,
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_LEAVE_SECONDS),
    }


def _free_ports() -> dict[str, str]:
    """Of Serve's own proxy, to which HAProxy turns while no gateway is there, and of HAProxy's two pages. Serve's usual ones may be
    another session's on the same machine."""
    names = ("RAY_SERVE_FALLBACK_PROXY_HTTP_PORT", "RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT")
    return dict(zip(names, map(str, free_ports(len(names))), strict=True))


def _closed(home: Path, haproxy: str, ports: list[str]) -> dict[str, str]:
    """For a session that shows itself to nobody else on the machine: a folder of its own, and HAProxy with these ports on loopback."""
    home.mkdir(exist_ok=True)
    program = home / "haproxy"
    program.write_text(_LOOPBACK_HAPROXY.format(pages="|".join(ports), haproxy=haproxy))
    program.chmod(0o700)
    return _places(home) | {"RAY_SERVE_HAPROXY_BINARY_PATH": str(program)}


def _shared_folder() -> Path:
    """The same on every machine of a cluster, for its user alone (entrance_machines.py): who reaches HAProxy's control socket can turn the
    entrance. Short, since a socket's path has 107 characters, of which Serve and HAProxy take 77 for the machine, the name and a
    process. Serve's usual folder belongs to whichever user was first."""
    return Path(f"/tmp/hanlin-haproxy-{os.getuid()}")


def _places(home: Path) -> dict[str, str]:
    """HAProxy's sockets and files, to which Serve adds a folder for each machine."""
    places = {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": home / "cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": home / "admin",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": home / "metrics",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": home,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": home / "state",
    }
    return {name: str(place) for name, place in places.items()}
