"""The simulation drives Ray's own autoscaler to the end, at a small size; the head's model only multiplies."""

import pytest

from benchmarks.cluster_scale import reached
from benchmarks.simulated.cloud import Demand
from benchmarks.simulated.head import Constant, model_of
from benchmarks.simulated.rounds import WIDE, Settings, scale_up


@pytest.mark.parametrize("ask", ["tasks", "shapes", "gang", "spread", "bundle"])
def test_ray_brings_up_exactly_what_the_demand_needs(ask: str) -> None:
    course = scale_up(Demand(12, 16, ask), WIDE, start=60, accept=2)  # type: ignore[arg-type]
    assert course.finished
    assert course.largest_order <= 12
    assert 62 < course.reached[100] < 120


def test_ray_s_defaults_launch_ten_at_once_and_double_from_one() -> None:
    slow, fast = (scale_up(Demand(30, 16), Settings(concurrent_launches=most), start=30) for most in (2, 10))
    assert slow.largest_order <= 2
    assert slow.reached[100] > fast.reached[100] > 60


def test_a_run_that_takes_too_long_says_that_it_gave_up() -> None:
    course = scale_up(Demand(12, 16), WIDE, start=60, give_up_cpu_seconds=1e-9)
    assert not course.finished
    assert reached(course) == "given up / given up"


def test_the_head_s_needs_grow_with_the_machines() -> None:
    names = ("gcs_base_memory", "head_base_memory", "gcs_memory", "head_memory", "real_gcs_memory", "gcs_cpu", "series")
    figures = {**dict.fromkeys(names, 1.0), "head_memory": 3.0, "real_gcs_memory": 1024.0, "series": 200.0}
    figures |= {"gcs_base_files": 80, "gcs_files": 0, "real_gcs_files": 6, "health_period": 0.5, "task_events": 100_000}
    rows = dict(model_of([Constant(name, value, "", "") for name, value in figures.items()], (100, 1000)))
    assert rows["health checks per second"] == ["200", "2,000"]
    assert rows["open files of the GCS"] == ["680", "6,080"]
    assert rows["memory of the GCS, GiB"] == ["1.10", "1.98"]
    assert rows["metrics series without work"] == ["20,000", "200,000"]
