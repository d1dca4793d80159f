"""How a machine of a local cluster is started: its `ray start` and its environment. Not for keeping track of it."""

import sys
from dataclasses import dataclass

from cluster import environment
from cluster.local.plan import HEAD, LocalCluster
from cluster.local.processes import MARK, mark_text

HEAD_MEMORY = 0  # offered to tasks and actors: none that says what it needs lands on the head
# How long a machine that is told to go lets its replicas leave and its training save. More than a replica's own time
# (serving.drain_seconds) and the start of another: Serve stops the replicas of a leaving machine so long before its end, also
# where those that come for them are not up yet. As in cluster/kubernetes.
DRAIN_SECONDS = 100

# A machine is dead once it has missed so many checks in a row, each after a period and with a time limit of its own. At most 1.8 s
# where it went silent and 1 s where its connections closed; by Ray's own values 65 and 15 s. One that is alive is taken for dead
# only if it answers nothing for the second limit, a period and the first: 1.3 s. The same stands in ray-cluster.yaml and in
# cluster/kubernetes. Not for the first 5 s after a machine joins or a head comes back (RAY_health_check_initial_delay_ms): a head's
# own network may need them, and it must not count out those that waited for it.
DEATH_NOTICE = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "400",
    "RAY_health_check_failure_threshold": "2",
}

# Nodes wait long for a head that comes back; the embedded store keeps what it knew (ray-project/ray#63657).
RAY_SETTINGS = {
    **DEATH_NOTICE,
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    **environment.SERVE_PATIENCE,
}


@dataclass(frozen=True)
class Machine:
    """What is known of a machine without asking it. `tags` are the autoscaler's; a machine added by hand has none."""

    name: str
    number: int  # 0: the head
    address: str
    tags: dict[str, str]

    @property
    def is_head(self) -> bool:
        return self.name == HEAD


def head_of(cluster: LocalCluster) -> Machine:
    return Machine(HEAD, 0, cluster.head_address, {})


def command_of(cluster: LocalCluster, machine: Machine) -> list[str]:
    """The command line that is this machine until it ends."""
    return _head_command(cluster) if machine.is_head else _worker_command(cluster, machine)


def environment_of(cluster: LocalCluster, machine: Machine) -> dict[str, str]:
    own = {
        **RAY_SETTINGS,
        MARK: mark_text(cluster.identity, machine.name),
        environment.NODE_ADDRESS: machine.address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(cluster.token_file),
        "RAY_CLOUD_INSTANCE_ID": machine.name,
        "RAY_NODE_TYPE_NAME": machine.tags.get("ray-user-node-type", machine.name if machine.is_head else "by-hand"),
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(0 if machine.is_head else DRAIN_SECONDS),
    }
    if machine.is_head:
        own |= _store_of(cluster) | {
            "AUTOSCALER_METRIC_PORT": str(cluster.autoscaler_metrics_port),
            "DASHBOARD_METRIC_PORT": str(cluster.dashboard_metrics_port),
        }
    return environment.for_node(own)


def _store_of(cluster: LocalCluster) -> dict[str, str]:
    """Where the head's state survives the head."""
    if cluster.redis:
        return {"RAY_REDIS_ADDRESS": cluster.redis, "RAY_external_storage_namespace": cluster.identity}
    return {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(cluster.store)}


def _ray_start(cluster: LocalCluster, machine: Machine) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
        f"--node-ip-address={machine.address}",
        f"--temp-dir={cluster.machine_folder(machine.name)}",
        f"--object-store-memory={cluster.object_store}",
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--dashboard-agent-listen-port=0",
        "--disable-usage-stats",
    ]


def _head_command(cluster: LocalCluster) -> list[str]:
    """The head takes no tasks: its loss then costs none."""
    return [
        *_ray_start(cluster, head_of(cluster)),
        "--head",
        f"--port={cluster.port}",
        f"--ray-client-server-port={cluster.client_port}",
        "--num-cpus=0",
        "--num-gpus=0",
        f"--memory={HEAD_MEMORY}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={cluster.dashboard_port}",
        f"--autoscaling-config={cluster.config_file}",
    ]


def _worker_command(cluster: LocalCluster, machine: Machine) -> list[str]:
    return [
        *_ray_start(cluster, machine),
        f"--address={cluster.address}",
        f"--num-cpus={cluster.worker_cpus:g}",
        "--num-gpus=0",
        f"--memory={cluster.worker_memory}",
    ]
