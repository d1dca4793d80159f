"""The one place that imports OpenVINO, and what a machine's processor computes in.

Not for models (paged.py runs them, export.py makes them).
"""

import importlib.util
import sys
from functools import cache
from typing import Any

from cluster.errors import UserError

PACKAGE = "openvino"
INSTALL = "pip install 'hanlin[cpu]'"
_TELEMETRY = "openvino_telemetry"


def available() -> bool:
    """Whether OpenVINO is installed here. Imports nothing."""
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def openvino() -> Any:
    """The module. Its telemetry, which would tell a server on the network of every import, is kept from loading.

    Raises UserError with the pip line where it is not installed.
    """
    if not available():
        raise UserError("the engine openvino needs the package openvino", "", INSTALL)
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type] # Python's way to say: not to be imported
    import openvino

    return openvino


@cache
def core() -> Any:
    """OpenVINO's core, one per process."""
    return openvino().Core()


def precision_here(wanted: str) -> str:
    """`wanted` (`bf16` or `f32`) where this processor computes in it, else `f32`."""
    return wanted if wanted.upper() in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
