"""The `serving.runtime_env` section: the Python that copies of a model run in, where it is not the cluster's own.

So the head, the gateways and all else need not have what an engine needs. Not for the engine's own settings (spec.py).
"""

import shlex
from typing import Any

from pydantic import Field, model_validator

from cluster.config import Spec


class RuntimeEnvSpec(Spec):
    """In Ray's words. Empty: copies run in the cluster's own Python, as everything does."""

    py_executable: str = Field(
        "",
        description="interpreter of the copies, on each machine that holds one; of the cluster's Python (3.x) and Ray version, with hanlin and the engine installed",
    )
    pip: tuple[str, ...] = Field(
        (),
        description="packages that Ray installs for the copies beside the cluster's own, once per machine; start_timeout counts it",
    )

    @model_validator(mode="after")
    def _one_of_the_two(self) -> "RuntimeEnvSpec":
        if self.py_executable and self.pip:
            raise ValueError("runtime_env has py_executable and pip: give one of the two (pip makes an environment of its own)")
        return self

    @property
    def hint(self) -> str:
        """What else a copy that does not come up may wait for, to go on a sentence with; empty for the cluster's own."""
        if self.py_executable:
            return f" or for {self.py_executable}, which must be on each of them"
        return f" or for pip to install {', '.join(self.pip)}" if self.pip else ""

    def for_ray(self) -> dict[str, Any]:
        """As an actor's option `runtime_env`; empty for the cluster's own. Ray passes the interpreter to a shell."""
        if self.py_executable:
            return {"py_executable": shlex.quote(self.py_executable)}
        return {"pip": list(self.pip)} if self.pip else {}
