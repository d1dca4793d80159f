"""The one place that reads the environment for others. Never prints or returns a secret's value to a log."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

NODE_ADDRESS = "HANLIN_NODE_ADDRESS"
LOOPBACK_SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # "0" in a process with a private session: no worker could join there

# Ray Serve ends an entrance that is not ready within 5 s, and starts another that may be no faster: too few on a busy or cold computer.
SERVE_PATIENCE = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}


def ray_address() -> str:
    """Address of the cluster to join: set by hand, or by Ray inside a submitted job; empty for a private session."""
    return os.environ.get("RAY_ADDRESS", "")


def token_file() -> Path | None:
    """The file that holds Ray's authentication token, where one is named or stands in its usual place."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if named:
        return Path(named)
    usual = Path("~/.ray/auth_token").expanduser()
    return usual if usual.is_file() else None


def has_token() -> bool:
    """Whether this process can authenticate to a Ray cluster."""
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or token_file() is not None


def served_revision() -> str:
    """The registered revision that an endpoint deployed by configuration serves; empty where none is set."""
    return os.environ.get("HANLIN_REVISION", "")


def redis_password() -> str:
    """The password of the response cache's second level; empty where it has none."""
    return os.environ.get("HANLIN_REDIS_PASSWORD", "")


def api_key() -> str:
    """The key that `hanlin chat` shows to an endpoint; empty where none is set."""
    return os.environ.get("HANLIN_API_KEY", "")


def s3_endpoint() -> str:
    """The S3-protocol server to use instead of the provider's own; empty where none is set."""
    return os.environ.get("AWS_ENDPOINT_URL", "")


def s3_region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def set_token_mode(token: str = "") -> None:
    """Turn token authentication on for this process and those it starts; with a token of its own where one is given."""
    os.environ["RAY_AUTH_MODE"] = "token"
    if token:
        os.environ["RAY_AUTH_TOKEN"] = token


@contextlib.contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable for the time of a block, also for the processes that are started in it."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def ray_tls_files() -> dict[str, str]:
    """The files that Ray's TLS needs, by the variable that names them, empty where it names none; {} where TLS is off."""
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return {}
    return {name: os.environ.get(name, "") for name in ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")}


def python_first_on_path() -> None:
    """Let `python` in processes that this one starts be the interpreter that runs it, also without an activated venv."""
    folder = str(Path(sys.executable).parent)
    if folder not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", "")])


def default_to(**values: str) -> None:
    """Set variables that are not set yet."""
    for name, value in values.items():
        os.environ.setdefault(name, value)


def node_address() -> str:
    """Address of the node that this process runs on, where several nodes share one machine; else empty."""
    return os.environ.get(NODE_ADDRESS, "")


def use_token_file(path: Path) -> None:
    """Take Ray's token from that file in this process and those it starts."""
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
    os.environ.pop("RAY_AUTH_TOKEN", None)


def for_node(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a node's processes: this one's, less what belongs to another cluster, and the node's own.

    The code that runs here is found there too, installed or not.
    """
    others = ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", LOOPBACK_SWITCH)
    kept = {name: value for name, value in os.environ.items() if name not in others}
    code = str(Path(__file__).resolve().parent.parent)
    folders = [code, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    python = str(Path(sys.executable).parent)
    return kept | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(folders)),
        "PATH": os.pathsep.join(dict.fromkeys([python, *kept.get("PATH", "").split(os.pathsep)])),
        **own,
    }


def log_target() -> str:
    """Where structured logs go: `stderr`, a file, or nowhere where empty."""
    return os.environ.get("HANLIN_LOG", "")


def trace_endpoint() -> str:
    """The OpenTelemetry collector that traces go to; empty where there is none."""
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")


def secret_values() -> tuple[str, ...]:
    """The secrets of this process's environment, for logs to mask."""
    names = ("RAY_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HANLIN_REDIS_PASSWORD", "HANLIN_API_KEY")
    return tuple(value for name in names if len(value := os.environ.get(name, "")) >= 8)
