"""How the kernels are compiled: once per machine, kept in a folder that all processes of the user share."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba
from numba.core import config

P = ParamSpec("P")
R = TypeVar("R")
_FOLDER_GIVEN = bool(config.CACHE_DIR)  # type: ignore[attr-defined]


def cache_folder() -> Path:
    """The first of the user's cache folder and the machine's temporary one that can be written."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    temporary = Path(tempfile.gettempdir()) / f"hanlin-{os.getuid()}"
    for folder in (home / "hanlin" / "kernels", temporary / "kernels"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="hanlin-kernels-"))


@lru_cache
def state_of(sources: Path) -> str:
    """Another one wherever a file of the folder was changed: machine code holds what its neighbours were when it was compiled,
    and numba looks at the function's own file alone."""
    stats = ((file.name, file.stat()) for file in sorted(sources.glob("*.py")))
    state = ";".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    return hashlib.sha256(state.encode()).hexdigest()[:12]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code that needs no interpreter lock; compiled at the first call, or loaded from the cache.

    NUMBA_CACHE_DIR in the environment names another folder for the cache.
    """
    if not _FOLDER_GIVEN:
        config.CACHE_DIR = str(cache_folder() / state_of(Path(function.__code__.co_filename).parent))  # type: ignore[attr-defined]
    result: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    return result
