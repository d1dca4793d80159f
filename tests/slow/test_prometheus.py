"""A real Prometheus finds a live cluster by Ray's own list and scrapes Ray's series, ours, and those of a real training run."""

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.monitoring.conftest import MONITORING, prometheus  # noqa: F401  # a fixture
from workloads.serving.address import free_port

pytestmark = pytest.mark.slow

DRIVER = """
import subprocess, sys
from pathlib import Path
from cluster.artifacts import ArtifactStore
from cluster.errors import LossError
from cluster.observe.progress import SilentReporter
from cluster.session import session
from cluster.stage import StageContext
from tests.workloads.training.conftest import QUICK, TINY, make_tokenizer, make_tokens
from workloads.training.stage import train_model

store = ArtifactStore(sys.argv[1])
context = StageContext("watched", store, SilentReporter(), seed=7)
inputs = make_tokens(store), make_tokenizer(store)
with session(cpus=3, dashboard=True) as running:
    import ray
    print(Path(running.log_folder).parents[1], flush=True)
    subprocess.run([sys.executable, "-c", sys.argv[2], ray.get_runtime_context().gcs_address], check=True)
    long = QUICK.model_copy(update={"steps": None, "epochs": 100000, "minutes": 0.5})
    train_model(long, TINY, *inputs, context)
    wild = QUICK.model_copy(update={"learning_rate": 1e30, "clip": 1e30, "steps": 50})
    try:
        train_model(wild, TINY, *inputs, context)
    except LossError:
        print("not finite", flush=True)
    sys.stdin.read()
"""
OTHER_DRIVER = """
import sys
from cluster.observe.metrics import CORPUS_DROPPED
from cluster.session import session

with session(sys.argv[1]):
    CORPUS_DROPPED.record(3, run="short", rule="too_short")
"""


class Server:
    """Prometheus' HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as response:
            return json.loads(response.read())["data"]

    def ask(self, expression: str) -> list[Any]:
        return list(self.get("/api/v1/query", query=expression)["result"])


def until(condition: Callable[[], Any]) -> Any:
    """The first true answer; the test's own time limit ends what never comes."""
    while not (found := condition()):
        time.sleep(0.5)
    return found


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Path]:
    """The folder of a private session in which another driver counts something and ends, and a model is trained."""
    arguments = [sys.executable, "-c", DRIVER, str(tmp_path / "store"), OTHER_DRIVER]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    yield Path(process.stdout.readline().strip())
    assert process.stdout.readline() == "not finite\n"
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.fixture
def server(prometheus: str, tmp_path: Path, driver: Path) -> Iterator[Server]:  # noqa: F811
    """Our configuration, with this session's folder in the place of Ray's usual one."""
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(MONITORING / "alerts.yaml")]
    config["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}
    ray = next(job for job in config["scrape_configs"] if job["job_name"] == "ray")
    usual = Path(ray["file_sd_configs"][0]["files"][0])
    ray["file_sd_configs"][0]["files"] = [str(driver / usual.name)]
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    log = (tmp_path / "prometheus.log").open("w")
    process = subprocess.Popen(
        [prometheus, f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}"],
        stderr=log,
    )
    try:
        until(lambda: _ready(f"http://{address}"))
        yield Server(f"http://{address}")
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _ready(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/-/ready", timeout=5).status == 200
    except OSError:
        return False


@pytest.mark.timeout(400)
def test_prometheus_sees_ray_a_training_run_and_what_went_wrong(server: Server) -> None:
    up = until(lambda: server.ask('up{job="ray"} == 1'))
    until(lambda: len(server.ask('up{job="ray"} == 1')) >= 3)  # node, autoscaler, dashboard
    assert all(each["metric"]["instance"] for each in up)
    for name in ("ray_gcs_actors_count", "autoscaler_started_nodes_total", "ray_node_disk_free", "ray_cluster_active_nodes"):
        until(lambda name=name: server.ask(name))
    for name in ("steps", "tokens", "loss_nats", "step_timestamp_seconds", "checkpoint_timestamp_seconds", "goodput_ratio"):
        until(lambda name=name: server.ask(f'last_over_time(ray_hanlin_training_{name}{{run="watched"}}[10m])'))
    goodput = server.ask("max_over_time(ray_hanlin_training_goodput_ratio[10m])")[0]["value"][1]
    assert 0 < float(goodput) <= 1
    assert server.ask("max_over_time(ray_hanlin_training_runs[10m]) == 1")
    until(lambda: server.ask('ALERTS{alertname="TrainingLossNotFinite",alertstate="firing",run="watched"}'))
    assert not server.ask('ALERTS{alertname=~"HeadDown|AutoscalerSilent|DiskFilling",alertstate="firing"}')
    counted = until(lambda: server.ask('ray_hanlin_corpus_documents_dropped_total{run="short",rule="too_short"}'))
    assert counted[0]["value"][1] == "3"  # what a driver counts last arrives although it ended at once
