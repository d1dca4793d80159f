"""The Grafana dashboards as code: cluster, corpus, training, serving, releases.

    python -m cluster.monitoring.dashboards FOLDER

writes one JSON file for each, for Grafana's file provisioning. Every name in them is tested against what is exported.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.monitoring.panels import Dashboard, Panel, Query


def _panel(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    return Panel(title, tuple(Query(expression, legend) for expression, legend in queries), unit)


def _quantiles(metric: str, by: str, where: str = "") -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{where}[5m])))",
            f"p{round(100 * share)} {{{{{by}}}}}",
        )
        for share in (0.5, 0.95, 0.99)
    )


CLUSTER = Dashboard(
    "cluster",
    "cluster",
    (
        _panel("Nodes", "short", ("sum(ray_cluster_active_nodes)", "up"), ("sum(autoscaler_pending_nodes)", "coming")),
        _panel(
            "Processors",
            "short",
            ('sum(ray_resources{Name="CPU"})', "all"),
            ('sum(ray_resources{Name="CPU",State="USED"})', "taken"),
            ('sum(autoscaler_pending_resources{resource="CPU"})', "coming"),
        ),
        _panel(
            "Accelerators",
            "short",
            ('sum(ray_resources{Name="GPU"})', "all"),
            ('sum(ray_resources{Name="GPU",State="USED"})', "taken"),
        ),
        _panel("Processor use", "percent", ("ray_node_cpu_utilization", "{{ip}}")),
        _panel("Memory used", "percentunit", ("ray_node_mem_used / ray_node_mem_total", "{{ip}}")),
        _panel("Disk free", "bytes", ("ray_node_disk_free", "{{ip}}")),
        _panel(
            "Object store",
            "bytes",
            ("sum(ray_object_store_used_memory)", "used"),
            ("sum(ray_object_store_available_memory)", "free"),
            ("sum(ray_spill_manager_objects_bytes)", "spilled"),
        ),
        _panel("Tasks", "short", ('sum by (State) (ray_tasks{State=~"RUNNING|PENDING.*"})', "{{State}}")),
        _panel(
            "Jobs", "short", ("sum(ray_running_jobs)", "running"), ("increase(ray_finished_jobs_total[1h])", "ended in 1 h")
        ),
        _panel(
            "Autoscaler",
            "short",
            ("rate(autoscaler_update_time_seconds_count[5m])", "rounds per second"),
            ("increase(autoscaler_failed_create_nodes_total[1h])", "nodes not made in 1 h"),
            ("increase(autoscaler_started_nodes_total[1h])", "nodes started in 1 h"),
            ("increase(autoscaler_stopped_nodes_total[1h])", "nodes stopped in 1 h"),
        ),
        _panel("Stages that ended", "short", ("sum by (stage, outcome) (ray_hanlin_stages_total)", "{{stage}} {{outcome}}")),
        _panel(
            "Network", "Bps", ("ray_node_network_receive_speed", "in {{ip}}"), ("ray_node_network_send_speed", "out {{ip}}")
        ),
    ),
)

CORPUS = Dashboard(
    "corpus",
    "corpus",
    (
        _panel("Records read", "short", ("sum by (run) (ray_hanlin_corpus_documents_read_total)", "{{run}}")),
        _panel("Records per second", "short", ("sum by (run) (rate(ray_hanlin_corpus_documents_read_total[1m]))", "{{run}}")),
        _panel("Documents kept", "short", ("sum by (run) (ray_hanlin_corpus_documents_kept_total)", "{{run}}")),
        _panel(
            "Documents dropped by rule",
            "short",
            ("sum by (run, rule) (ray_hanlin_corpus_documents_dropped_total)", "{{run}} {{rule}}"),
        ),
        _panel(
            "Share dropped",
            "percentunit",
            (
                "sum by (run) (ray_hanlin_corpus_documents_dropped_total)"
                " / sum by (run) (ray_hanlin_corpus_documents_read_total)",
                "{{run}}",
            ),
        ),
        _panel("Spilled to disk", "bytes", ("sum(ray_spill_manager_objects_bytes)", "")),
    ),
)

TRAINING = Dashboard(
    "training",
    "training",
    (
        _panel("Loss", "short", ("max by (run) (ray_hanlin_training_loss_nats)", "{{run}}")),
        _panel("Steps", "short", ("max by (run) (ray_hanlin_training_steps)", "{{run}}")),
        _panel("Tokens", "short", ("max by (run) (ray_hanlin_training_tokens)", "{{run}}")),
        _panel("Tokens per second", "short", ("max by (run) (ray_hanlin_training_tokens_per_second)", "{{run}}")),
        _panel("Bits per character", "short", ("max by (run) (ray_hanlin_training_bits_per_character)", "{{run}}")),
        _panel("Goodput", "percentunit", ("max by (run) (ray_hanlin_training_goodput_ratio)", "{{run}}")),
        _panel("Lost time by cause", "s", ("max by (run, cause) (ray_hanlin_training_lost_seconds)", "{{run}} {{cause}}")),
        _panel(
            "Use of the hardware",
            "percentunit",
            ("max by (run) (ray_hanlin_training_mfu_ratio)", "of its peak {{run}}"),
            ("max by (run) (ray_hanlin_training_wait_ratio)", "waiting for rows {{run}}"),
        ),
        _panel(
            "Workers",
            "short",
            ("max by (run) (ray_hanlin_training_workers)", "{{run}}"),
            ("max by (run) (ray_hanlin_training_straggler_ratio)", "slowest by median {{run}}"),
        ),
        _panel("Incidents", "short", ("sum by (run, kind) (ray_hanlin_training_incidents_total)", "{{run}} {{kind}}")),
        _panel(
            "Since the last step and checkpoint",
            "s",
            ("time() - max by (run) (ray_hanlin_training_step_timestamp_seconds)", "step {{run}}"),
            ("time() - max by (run) (ray_hanlin_training_checkpoint_timestamp_seconds)", "checkpoint {{run}}"),
        ),
        _panel("Runs", "short", ("sum(ray_hanlin_training_runs)", "going on")),
        _panel("Failures", "short", ("sum by (run, reason) (ray_hanlin_training_failures_total)", "{{run}} {{reason}}")),
    ),
)

_ASKED = '{endpoint=~"chat|completions"}'
SERVING = Dashboard(
    "serving",
    "serving",
    (
        _panel("Requests", "reqps", ("sum by (endpoint, status) (rate(ray_hanlin_serving_requests_total[1m]))", "")),
        _panel("Errors", "percentunit", ("hanlin:serving_errors:ratio", "5xx and broken streams")),
        _panel("Queue", "short", ("hanlin:serving_queue:requests", "waiting")),
        _panel("First text", "s", *_quantiles("ray_hanlin_serving_first_token_seconds", "endpoint", _ASKED)),
        _panel("Whole answer", "s", *_quantiles("ray_hanlin_serving_request_seconds", "endpoint", _ASKED)),
        _panel("Tokens per second", "short", ("sum by (revision) (rate(ray_hanlin_serving_generated_tokens_total[1m]))", "")),
        _panel(
            "Places of the batch",
            "short",
            ("sum by (revision) (ray_hanlin_serving_running_requests)", "taken {{revision}}"),
            ("sum by (revision) (ray_hanlin_serving_slots)", "all {{revision}}"),
        ),
        _panel("Being answered", "short", ("sum(ray_hanlin_serving_ongoing_requests)", "by all gateways")),
        _panel("Clients that left", "reqps", ("sum(rate(hanlin_disconnects_total[5m]))", "")),
    ),
)

RELEASES = Dashboard(
    "releases",
    "releases",
    (
        _panel(
            "Requests by revision",
            "reqps",
            ('sum by (revision) (rate(ray_hanlin_serving_requests_total{revision!=""}[1m]))', "{{revision}}"),
        ),
        _panel(
            "Broken streams by revision",
            "reqps",
            ("sum by (revision) (rate(ray_hanlin_serving_broken_streams_total[5m]))", "{{revision}}"),
        ),
        _panel("First text by revision", "s", *_quantiles("ray_hanlin_serving_first_token_seconds", "revision", _ASKED)),
        _panel("Whole answer by revision", "s", *_quantiles("ray_hanlin_serving_request_seconds", "revision", _ASKED)),
        _panel(
            "Replicas that are well",
            "short",
            ("sum by (application) (ray_serve_deployment_replica_healthy)", "{{application}}"),
        ),
        _panel(
            "Models made",
            "short",
            ('sum by (run, outcome) (ray_hanlin_stages_total{stage=~"training|evaluation"})', "{{run}} {{outcome}}"),
        ),
    ),
)

DASHBOARDS = (CLUSTER, CORPUS, TRAINING, SERVING, RELEASES)


def write_dashboards(folder: Path) -> list[Path]:
    """One file for each dashboard; the folder is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for dashboard in DASHBOARDS:
        file = folder / f"hanlin-{dashboard.name}.json"
        file.write_text(json.dumps(dashboard.to_json(), indent=1) + "\n", encoding="utf-8")
        written.append(file)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m cluster.monitoring.dashboards", description="Write Grafana's dashboards.")
    parser.add_argument("folder", type=Path, help="where Grafana's provisioning looks for dashboards")
    for file in write_dashboards(parser.parse_args(arguments).folder):
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
