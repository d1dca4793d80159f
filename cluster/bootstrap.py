"""Makes the configuration that `ray up` leaves on the head fit for scaling from no machine. Runs there before Ray starts:

    python -m cluster.bootstrap ~/ray_bootstrap_config.yaml

Prints what RAY_enable_autoscaler_v2 must be. Provider `local` has one node type, without resources, and Ray 2.60 fills them from
the first machine that runs, which is a head that offers none: nothing would ever start. The sizes in `metadata: worker:` are
given to that type; a worker's real ones replace them later (ray.autoscaler._private.resource_demand_scheduler). The autoscaler's
version 2 cannot start such machines at all. For other providers it changes nothing.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.entry import exit_status
from cluster.errors import RecipeError

_TYPE = "local.cluster.node"  # ray.autoscaler._private.local.config.LOCAL_CLUSTER_NODE_TYPE
_ALLOWED = "metadata: {worker: {cpus: 16, gpus: 0, memory_gb: 64}}"
_GB = 1 << 30

Config = dict[str, Any]  # as Ray reads it


def is_local(config: Config) -> bool:
    """Whether the machines are a list of hosts."""
    return bool(config["provider"]["type"] == "local")


def worker_resources(config: Config) -> dict[str, int]:
    """What one worker offers, in Ray's names and bytes. Raises RecipeError for what no machine can have."""
    given = config.get("metadata", {}).get("worker", {})
    if not isinstance(given, dict) or given.keys() - {"cpus", "gpus", "memory_gb"}:
        raise RecipeError(f"metadata.worker is {given!r}", _ALLOWED, "mend ray-cluster.yaml and run `ray up` again")
    cpus, gpus = (_number(given, name, whole=True) for name in ("cpus", "gpus"))
    memory = _number(given, "memory_gb", whole=False)
    if cpus < 1 or memory <= 0:
        raise RecipeError(f"metadata.worker has {cpus:g} cpus and {memory:g} GB", _ALLOWED, "say what a worker offers")
    return {"CPU": int(cpus), "memory": int(memory * _GB)} | ({"GPU": int(gpus)} if gpus else {})


def fill(config: Config) -> Config:
    """The configuration with the worker's resources in it."""
    types = {**config["available_node_types"]}
    types[_TYPE] = {**types[_TYPE], "resources": worker_resources(config)}
    return {**config, "available_node_types": types}


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the file where that is needed; the exit status for the shell."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bootstrap", description="Prepare a head's autoscaler.")
    parser.add_argument("config", type=Path, help="the file that `ray up` leaves on the head")
    options = parser.parse_args(arguments)

    def run() -> None:
        config = yaml.safe_load(options.config.read_text(encoding="utf-8"))
        if is_local(config):
            _write_whole(options.config, json.dumps(fill(config)))
        print(0 if is_local(config) else 1)

    return exit_status(run)


def _number(given: dict[str, object], name: str, whole: bool) -> float:
    value = given.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not 0 <= value < math.inf:
        raise RecipeError(f"metadata.worker.{name} is {value!r}", f"a number: {_ALLOWED}", "mend ray-cluster.yaml")
    return float(value)


def _write_whole(path: Path, text: str) -> None:
    """For its owner only, as `ray up` left it; a reader sees the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


if __name__ == "__main__":
    sys.exit(main())
