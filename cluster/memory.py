"""Giving memory back to the system: Arrow's pool and the C library keep what was freed for a next time, which may never come in a
process that does one kind of task after another. Not for measuring memory: observe/usage.py."""

import ctypes
import sys
from functools import lru_cache
from typing import Any

import pyarrow as pa


def give_back() -> None:
    """Hand over what is free. A worker that cleans or encodes text holds some 50 MB of it (measured 2026-11-28); takes a few
    milliseconds."""
    pa.default_memory_pool().release_unused()
    library = _with_malloc_trim()
    if library is not None:
        library.malloc_trim(0)


@lru_cache
def _with_malloc_trim() -> Any:
    """The C library where it is glibc; else None, and what is free there stays."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None
