"""The `serving.runtime_env` section: the Python that copies of a model run in, where it is not the cluster's own.

So the head, the gateways and all else need not have what an engine needs. Not for the engine's own settings (spec.py).
"""

import shlex
from typing import Any

from pydantic import Field

from cluster.config import Spec


class RuntimeEnvSpec(Spec):
    """In Ray's words. Empty: copies run in the cluster's own Python, as everything does."""

    py_executable: str = Field(
        "",
        description="interpreter of the copies, on each machine that holds one; with the cluster's Python (3.x), Ray and hanlin, and the engine",
    )

    def for_ray(self) -> dict[str, Any]:
        """As an actor's option `runtime_env`; empty for the cluster's own. Ray passes the interpreter to a shell."""
        return {"py_executable": shlex.quote(self.py_executable)} if self.py_executable else {}

    @property
    def hint(self) -> str:
        """What else a copy that does not come up may wait for, to go on a sentence with; empty for the cluster's own."""
        return f" or for {self.py_executable}, which must be on each of them" if self.py_executable else ""
