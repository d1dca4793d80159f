"""Recording: nothing without Ray; with Ray the values reach the node's metrics agent under the exported names."""

import subprocess
import sys
import time
import urllib.request

import ray

from cluster.observe.metrics import CORPUS_DROPPED, SERVING_SECONDS, TRAINING_STEPS
from cluster.session import Session


def test_without_ray_nothing_is_recorded_and_ray_is_not_imported() -> None:
    code = (
        "import sys\nfrom cluster.observe.metrics import EXPORTED\n"
        "for each in EXPORTED: each.record(1, **dict.fromkeys(each.tags, 'x'))\n"
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_exported_names() -> None:
    assert CORPUS_DROPPED.exported == "ray_hanlin_corpus_documents_dropped_total"
    assert TRAINING_STEPS.exported == "ray_hanlin_training_steps"


def test_values_reach_the_agent_with_their_tags(ray_session: Session) -> None:
    port = ray.nodes()[0]["MetricsExportPort"]
    CORPUS_DROPPED.record(2, run="metrics-test", rule="too_short")
    CORPUS_DROPPED.record(3, run="metrics-test", rule="too_short")
    CORPUS_DROPPED.record(0, run="metrics-test", rule="never")
    SERVING_SECONDS.record(0.3, endpoint="metrics-test", revision="1")
    TRAINING_STEPS.record(7, run="metrics-test")
    wanted = {CORPUS_DROPPED.exported: "5.0", TRAINING_STEPS.exported: "7.0", f"{SERVING_SECONDS.exported}_count": "1.0"}
    found: dict[str, str] = {}
    while found != wanted:  # the test's own time limit ends what never comes
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            lines = [line for line in page.read().decode().splitlines() if "metrics-test" in line and "_bucket" not in line]
        found = {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines if "_sum" not in line.partition("{")[0]}
        time.sleep(0.5)
    assert not any("never" in line for line in lines)
