"""Ray's autoscaler (v2), round by round, over simulated machines: what it launches is its own choice, and its time is measured.

The simulated clock moves by the processor seconds that a round took plus the pause between two rounds. Ray's own timeouts run
on the real clock and do not come due within a run.
"""

import logging
import time
from dataclasses import dataclass, field

from ray.autoscaler.v2.autoscaler import Autoscaler
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig, IConfigReader

from benchmarks.simulated.cloud import HEAD, WORKER, Clock, Cloud, Demand, Head

_MEMORY = 1 << 40  # of a simulated machine: never what is short
_LONGEST = 4 * 3600.0  # simulated seconds


@dataclass(frozen=True)
class Settings:
    """How fast the autoscaler may go. The defaults are Ray's own (AUTOSCALER_UPDATE_INTERVAL_S and so on)."""

    name: str = "Ray's defaults"
    interval: float = 5.0
    upscaling_speed: float = 1.0
    concurrent_launches: int = 10


OURS = Settings("upscaling_speed 10, interval 1 s", 1.0, 10.0)
WIDE = Settings("1,000 launches at once", 5.0, 1000.0, 1000)


@dataclass
class Course:
    """How a run went. Seconds of `reached` are simulated, those of `rounds` are measured."""

    demand: Demand
    settings: Settings
    start_seconds: float
    rounds: list[float] = field(default_factory=list)
    reached: dict[int, float] = field(default_factory=dict)  # per cent of the machines -> seconds
    largest_order: int = 0
    finished: bool = False

    @property
    def longest_round(self) -> float:
        return max(self.rounds)


class _Config(AutoscalingConfig):
    launches = 0

    def get_max_concurrent_launches(self) -> int:
        return self.launches


class _Reader(IConfigReader):
    def __init__(self, demand: Demand, settings: Settings) -> None:
        self._config = _Config(_values(demand, settings), skip_content_hash=True)
        self._config.launches = settings.concurrent_launches

    def get_cached_autoscaling_config(self) -> AutoscalingConfig:
        return self._config

    def refresh_cached_autoscaling_config(self) -> None: ...


class _Simulated(Autoscaler):
    """Ray's, but for where its cloud comes from."""

    def __init__(self, reader: IConfigReader, head: Head, cloud: Cloud) -> None:
        self._given = cloud
        super().__init__("simulation", reader, head)

    def _init_cloud_instance_provider(self, config: AutoscalingConfig, config_reader: IConfigReader) -> None:
        self._cloud_instance_provider = self._given  # type: ignore[assignment]


def scale_up(demand: Demand, settings: Settings, start: float, accept: float = 2.0, give_up_cpu_seconds: float = 120) -> Course:
    """From no machine to all that the demand needs; gives up after so many processor seconds and says so (`finished`)."""
    logging.getLogger("ray.autoscaler").setLevel(logging.CRITICAL)
    clock = Clock()
    cloud = Cloud(clock, accept, start)
    autoscaler = _Simulated(_Reader(demand, settings), Head(demand, cloud), cloud)
    course = Course(demand, settings, start)
    while sum(course.rounds) < give_up_cpu_seconds and clock.now < _LONGEST:
        clock.now += one_round(autoscaler, course) + settings.interval
        there = len(cloud.joined())
        for share in (10, 50, 90, 100):
            if there >= demand.machines * share / 100:
                course.reached.setdefault(share, clock.now)
        if there >= demand.machines:
            course.finished = True
            break
    course.largest_order = cloud.largest_order
    return course


def one_round(autoscaler: Autoscaler, course: Course) -> float:
    """Processor seconds of one round: what it would take on a machine of its own."""
    begun = time.thread_time()
    state = autoscaler.update_autoscaling_state()
    spent = time.thread_time() - begun
    if state is None:
        raise RuntimeError("Ray's autoscaler failed; run again with logging.getLogger('ray.autoscaler') at ERROR")
    course.rounds.append(spent)
    return spent


def _values(demand: Demand, settings: Settings) -> dict[str, object]:
    most = demand.machines + demand.machines // 10
    worker = {"resources": {"CPU": demand.cpus, "memory": _MEMORY}, "node_config": {}, "min_workers": 0, "max_workers": most}
    return {
        "cluster_name": "simulation",
        "max_workers": most,
        "provider": {"type": "external", "module": "simulated.cloud.Cloud", "disable_node_updaters": True},
        "available_node_types": {HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}, WORKER: worker},
        "head_node_type": HEAD,
        "upscaling_speed": settings.upscaling_speed,
        "idle_timeout_minutes": 60,
        "auth": {},
        **{each: [] for each in ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")},
        **{
            each: []
            for each in ("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude")
        },
        "rsync_filter": [],
        "file_mounts": {},
        "docker": {},
        "file_mounts_sync_continuously": False,
    }
