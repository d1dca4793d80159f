"""A driver on the head of a cluster that `ray up` made: asks for machines and lets them go; one JSON line per thing seen.

python ray_up_demand.py CPUS MACHINES, the processors that one machine offers and how many there may be. Not a test.
"""

import json
import sys
import time

import ray

_SMALL = 50 << 20


@ray.remote
class Holder:
    """Holds what it was given, like a replica."""

    def where(self) -> str:
        return ray.util.get_node_ip_address()


def workers() -> set[str]:
    """Addresses of the machines that are alive, the head not counted."""
    nodes = [node for node in ray.nodes() if node["Alive"] and "node:__internal_head__" not in node["Resources"]]
    return {node["NodeManagerAddress"] for node in nodes}


def until(count: int, begun: float) -> float:
    """Wait for that many machines or more, or for none; seconds since `begun`."""
    while len(workers()) < count if count else workers():
        time.sleep(0.1)
    return time.monotonic() - begun


def say(what: str, value: object) -> None:
    print(json.dumps({what: value}), flush=True)


def main(cpus: float, machines: int) -> None:
    ray.init("auto", log_to_driver=False, logging_level="error")
    say("at first", sorted(workers()))
    say("head offers", {name: size for name, size in ray.cluster_resources().items() if name in ("CPU", "GPU", "memory")})

    begun = time.monotonic()
    holders = [Holder.options(num_cpus=cpus, memory=_SMALL).remote() for _ in range(machines)]
    for count in range(1, machines + 1):
        say(f"machine {count}", until(count, begun))
    say("holders on", sorted(ray.get([each.where.remote() for each in holders])))
    for each in holders:
        ray.kill(each)
    say("back to none", until(0, time.monotonic()))

    begun = time.monotonic()
    small = Holder.options(num_cpus=0, memory=_SMALL, name="small", lifetime="detached").remote()
    say("small on", ray.get(small.where.remote()))
    say("small placed", time.monotonic() - begun)
    say("at last", sorted(workers()))  # it stays: the cluster is ended with a machine at work


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
