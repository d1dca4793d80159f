"""What Ray's autoscaler is told about a local cluster. Not for deciding when a machine comes or goes: Ray does.

One key too many or too few ends the autoscaler, which shows in monitor.err only: every key that its validation asks for is here.
"""

from cluster.local.plan import HEAD, WORKER_TYPE, LocalCluster

_LISTS = (
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


def autoscaler_config(cluster: LocalCluster) -> dict[str, object]:
    """What `ray start --head --autoscaling-config` wants; it names every key that Ray's validation asks for."""
    worker = {"CPU": cluster.worker_cpus, "memory": cluster.worker_memory, "object_store_memory": cluster.object_store}
    return {
        "cluster_name": cluster.name,
        "max_workers": cluster.max_workers,
        "provider": {
            "type": "external",
            "module": "cluster.provider.LocalProvider",
            "folder": str(cluster.folder),
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "use_internal_ips": True,
        },
        "available_node_types": {
            HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            WORKER_TYPE: {
                "resources": worker,
                "node_config": {},
                "min_workers": cluster.min_workers,
                "max_workers": cluster.max_workers,
            },
        },
        "head_node_type": HEAD,
        "upscaling_speed": 10.0,
        "idle_timeout_minutes": cluster.idle_seconds / 60,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        **{key: [] for key in _LISTS},
    }
