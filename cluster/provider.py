"""Our node provider for Ray's autoscaler (`provider: {type: external, module: cluster.provider.LocalProvider}`).

Runs inside the autoscaler's process on the head. What it knows lies in the cluster's folder, so a head that was lost and came
back finds its machines again. Not for deciding how many: the autoscaler does. Source of the interface: ray.autoscaler.node_provider.
"""

import logging
import subprocess
import threading
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import (
    NODE_KIND_HEAD,
    NODE_KIND_WORKER,
    STATUS_UP_TO_DATE,
    TAG_RAY_NODE_KIND,
    TAG_RAY_NODE_STATUS,
    TAG_RAY_USER_NODE_TYPE,
)

from cluster.local import machine as machines
from cluster.local import processes
from cluster.local.launch import DRAIN_SECONDS, Machine
from cluster.local.plan import HEAD, load_folder

logger = logging.getLogger(__name__)

_HEAD_TAGS = {
    TAG_RAY_NODE_KIND: NODE_KIND_HEAD,
    TAG_RAY_USER_NODE_TYPE: HEAD,
    TAG_RAY_NODE_STATUS: STATUS_UP_TO_DATE,
}


class LocalProvider(NodeProvider):
    """Machines of one local cluster; `provider_config["folder"]` says which."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._cluster = load_folder(provider_config["folder"])
        self._lock = threading.RLock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving: set[str] = set()

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Names of the head and the workers that run and carry all those tags; the dead are cleared away."""
        with self._lock:
            tags = {HEAD: _HEAD_TAGS} | {each.name: each.tags for each in self._workers()}
        return [name for name, own in tags.items() if tag_filters.items() <= own.items()]

    def is_running(self, node_id: str) -> bool:
        return node_id == HEAD or any(each.name == node_id for each in self._workers())

    def is_terminated(self, node_id: str) -> bool:
        return not self.is_running(node_id)

    def node_tags(self, node_id: str) -> dict[str, str]:
        if node_id == HEAD:
            return _HEAD_TAGS
        return next((each.tags for each in self._records() if each.name == node_id), {})

    def external_ip(self, node_id: str) -> str:
        return self.internal_ip(node_id)

    def internal_ip(self, node_id: str) -> str:
        if node_id == HEAD:
            return self._cluster.head_address
        return next((each.address for each in self._records() if each.name == node_id), "")

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        raise NotImplementedError("a machine's tags are set when it starts")

    def create_node_with_resources_and_labels(
        self,
        node_config: dict[str, Any],
        tags: dict[str, str],
        count: int,
        resources: dict[str, float],
        labels: dict[str, str],
    ) -> dict[str, Any]:
        """Start `count` machines. What each one has is the cluster's plan, as on a rented machine type."""
        for _ in range(count):
            with self._lock:
                new = machines.new_worker(self._cluster, tags | {TAG_RAY_NODE_STATUS: STATUS_UP_TO_DATE})
                self._children[new.name] = machines.start(self._cluster, new)
            logger.info("machine_started name=%s address=%s", new.name, new.address)
        return {}

    def terminate_node(self, node_id: str) -> None:
        """End a machine that the autoscaler has drained already; what is left of it after that time is killed."""
        record = next((each for each in self._records() if each.name == node_id), None)
        if record is None or node_id == HEAD:
            return
        with self._lock:
            if node_id in self._leaving:
                return
            self._leaving.add(node_id)
        threading.Thread(target=self._end, args=(record,), daemon=True).start()

    def _end(self, record: Machine) -> None:
        machines.drain(self._cluster, record)
        machines.wait_until_gone(self._cluster, record, DRAIN_SECONDS)
        processes.end(self._cluster.identity, record.name)
        self._clear(record)
        logger.info("machine_ended name=%s", record.name)

    def _records(self) -> list[Machine]:
        """Workers of the autoscaler, dead or alive: not the head, nor machines added by hand."""
        return [each for each in machines.machines(self._cluster) if each.tags.get(TAG_RAY_NODE_KIND) == NODE_KIND_WORKER]

    def _workers(self) -> list[Machine]:
        """Workers that run and are not about to leave."""
        running = []
        for each in self._records():
            if each.name in self._leaving:
                continue
            child = self._children.get(each.name)
            if child is not None:
                child.poll()  # a dead child is a zombie until its parent looks
            if machines.is_running(self._cluster, each):
                running.append(each)
            else:
                logger.warning("machine_lost name=%s", each.name)
                processes.end(self._cluster.identity, each.name)
                self._clear(each)
        return running

    def _clear(self, record: Machine) -> None:
        machines.forget(self._cluster, record)
        with self._lock:
            self._leaving.discard(record.name)
            if child := self._children.pop(record.name, None):
                child.poll()

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        return cluster_config
