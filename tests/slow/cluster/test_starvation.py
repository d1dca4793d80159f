"""A machine with one processor is never kept from work by our own small actors, and none of them lives on the head."""

from pathlib import Path

import pytest
import ray
from ray.job_submission import JobSubmissionClient

from app.gateway.serve import start_gateway, stop_gateway
from app.submit import _DRIVER_MEMORY
from cluster.capacity import current_room
from cluster.observe.board import open_board
from cluster.observe.progress import SilentReporter
from tests.slow.cluster.conftest import MakeCluster, driver, until, workers
from workloads.serving.address import free_port
from workloads.serving.deploy import stop_serving
from workloads.serving.spec import ServingSpec

pytestmark = pytest.mark.slow
OURS = {"RouteBoard", "_Board", "ServeReplica:gateway:gateway", "JobSupervisor"}


@ray.remote(num_cpus=1)
def whole_processor() -> str:
    return str(ray.get_runtime_context().get_node_id())


def test_a_whole_processor_task_runs_beside_all_of_ours_and_none_is_on_the_head(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    cluster = make_cluster((1, 1))
    with driver(cluster):
        until(lambda: workers() == 1)
        jobs = JobSubmissionClient(cluster.dashboard)
        job = jobs.submit_job(entrypoint="sleep 600", entrypoint_memory=_DRIVER_MEMORY)
        start_gateway(ServingSpec(port=free_port()), {})
        with open_board(SilentReporter()):
            until(lambda: jobs.get_job_status(job) == "RUNNING")
            until(lambda: {each["ActorClassName"] for each in _actors()} >= OURS)
            assert current_room().fits_now({"CPU": 1}) == 1, "the only processor is free"
            where = ray.get(whole_processor.remote(), timeout=60)
            ours = [each for each in _actors() if each["ActorClassName"] in OURS]
            assert {each["Address"]["NodeID"] for each in ours} == {where}, "all of ours are on the worker, none on the head"
        jobs.stop_job(job)
        stop_gateway()
        stop_serving()


def _actors() -> list[dict]:  # type: ignore[type-arg]
    from ray._private.state import state

    return [each for each in state.actor_table(None).values() if each["State"] == "ALIVE"]
