"""cluster: a whole autoscaling cluster on this machine, to try elasticity and failure with; and the file for many machines."""

import argparse

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, verb
from cluster.errors import RecipeError
from cluster.rayfile import PROVIDERS

_GB = 1 << 30


def add_verbs(verbs: Verbs) -> None:
    parser = verb(
        verbs, "cluster", "a local autoscaling cluster: up, status, add, kill, down; file: one over many machines", _status
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    up = verb(actions, "up", "start a cluster on this machine, or its head again where it was lost", _up)
    up.add_argument("--local", action="store_true", required=True, help="on this machine (elsewhere: ray up ray-cluster.yaml)")
    up.add_argument("--workers", default="0:2", metavar="MIN:MAX", help="how many machines it may have (default: 0:2)")
    up.add_argument("--cpus-per-worker", type=float, default=1, help="processors that a machine offers to tasks (default: 1)")
    up.add_argument("--memory-gb", type=float, default=2, help="memory that a machine offers to tasks (default: 2)")
    up.add_argument("--idle-seconds", type=float, default=60, help="a machine without work leaves after (default: 60)")
    up.add_argument("--isolated", action="store_true", help="each machine in namespaces of its own (Linux, root)")
    up.add_argument(
        "--redis", default="", metavar="HOST:PORT", help="keep the head's state there (default: RocksDB in its folder)"
    )
    kill = verb(actions, "kill", "end a machine at once, as a power cut does", _kill)
    kill.add_argument("machine", help="its name in `hanlin cluster status`")
    kill.add_argument("--drain", action="store_true", help="tell it to go instead: replicas leave and training saves first")
    others = [
        verb(actions, "status", "every machine and what it has", _status),
        verb(actions, "add", "join one more machine by hand", _add),
        verb(actions, "down", "end the cluster and remove its folder", _down),
    ]
    for action in (up, kill, *others):
        action.add_argument("--name", default="dev", help="which local cluster (default: dev)")
    file = verb(actions, "file", "print ray-cluster.yaml for a provider, for `ray up`", _file)
    file.add_argument("--provider", choices=PROVIDERS, default="local", help="whose machines (default: local, hosts over ssh)")


def _up(options: argparse.Namespace) -> None:
    from cluster.local import control, plan

    if options.name in plan.names():
        cluster = plan.load(options.name)
        if control.answers(cluster):
            print(f"cluster {cluster.name} is up already at {cluster.address}")
            return
    else:
        cluster = plan.create(
            options.name,
            _range(options.workers),
            worker_cpus=options.cpus_per_worker,
            worker_memory=int(options.memory_gb * _GB),
            idle_seconds=options.idle_seconds,
            isolated=options.isolated,
            redis=options.redis,
        )
    seconds = control.up(cluster)
    print(f"cluster {cluster.name} is up after {seconds:.1f} s, with {cluster.min_workers} to {cluster.max_workers} machines")
    print("use it from this shell:")
    print(f"  export RAY_AUTH_TOKEN_PATH={cluster.token_file} RAY_ADDRESS={cluster.address}")
    print(f"  hanlin run recipe.yaml    or    hanlin submit recipe.yaml --address {cluster.dashboard}")


def _status(options: argparse.Namespace) -> None:
    from cluster.local import control, plan

    cluster = plan.load(options.name)
    table = Table("machine", "address", "state", "CPU", "processes", "memory")
    for each in control.status(cluster):
        state = "alive" if each.alive else ("starting or leaving" if each.processes else "dead")
        table.add_row(each.name, each.address, state, f"{each.cpus:g}", str(each.processes), f"{each.memory / _GB:.2f} GB")
    Console().print(table)
    if not control.autoscaler_runs(cluster):
        print(f"the autoscaler does not run; see {cluster.folder}/head/session_latest/logs/monitor.err; "
              f"start the head again with: hanlin cluster up --local --name {cluster.name}")  # fmt: skip


def _kill(options: argparse.Namespace) -> None:
    from cluster.local import control, plan

    ended = control.kill(plan.load(options.name), options.machine, drain=options.drain)
    how = "was told to go" if options.drain else "was killed"
    print(f"{options.machine} {how}; {ended} processes were ended by force")


def _add(options: argparse.Namespace) -> None:
    from cluster.local import control, plan

    new = control.add(plan.load(options.name))
    print(f"{new.name} joins at {new.address}; it stays until it is killed or the cluster goes down")


def _down(options: argparse.Namespace) -> None:
    from cluster.local import control, plan

    print(f"{control.down(plan.load(options.name))} processes ended, folder removed")


def _file(options: argparse.Namespace) -> None:
    from cluster import rayfile

    print(rayfile.render(rayfile.read(), options.provider), end="")


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    if not (low.isdigit() and high.isdigit()):
        raise RecipeError(f"--workers {text}", "MIN:MAX", "for example 0:2")
    return int(low), int(high)
