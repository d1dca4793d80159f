"""What the day runs on: one local machine of a cluster of its own, a served model, and its successor's training.

Not for the course of the day (play.py).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray import serve
from ray._private.state import state

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from app.recipe import Recipe
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError
from cluster.local import control, plan
from cluster.observe.progress import Reporter
from cluster.session import session
from cluster.stage import StageContext
from workloads.corpus.demo import write_demo_corpus
from workloads.corpus.stage import build_corpus
from workloads.models.spec import ModelSpec
from workloads.serving.address import free_port
from workloads.serving.deploy import DEPLOYMENT, deploy_revision, stop_serving
from workloads.serving.spec import ServingSpec
from workloads.tokenizer.stage import pack_tokens, train_tokenizer
from workloads.training.checkpoint import STATE, LoopState
from workloads.training.spec import TrainingSpec
from workloads.training.stage import train_model

CPUS = 4
MODEL, TODAY, TOMORROW = "day", "today", "tomorrow"
_GB = 1 << 30
_DOCUMENTS = 600
_FOR_EVER = 1_000_000  # steps: the day ends the training
RECIPE = Recipe.model_validate(
    {
        "name": MODEL,
        "seed": 1,
        "corpus": {"inputs": ["raw"]},
        "tokenizer": {"vocab_size": 1200, "chat_template": "qa"},
        "tokens": {"sequence_length": 128},
        "model": {"preset": "2M"},
        "training": {"steps": 30, "global_batch": 12, "micro_batch": 2, "evaluate_rows": 0, "cpus_per_worker": 1},
        "serving": {
            "replicas": 1,
            "max_replicas": 2,
            "target_ongoing_requests": 4,
            "scale_down_seconds": 10,
            "drain_seconds": 20,
            "threads": 1,
        },
    }
)
ELASTIC = {"workers": CPUS - 1, "min_workers": 1, "steps": _FOR_EVER, "schedule": "constant", "checkpoint_every": _FOR_EVER}


@contextmanager
def one_machine() -> Iterator[None]:
    """Be the driver of a cluster of one machine for the time of the block."""
    local = plan.create(f"day{os.getpid()}", (1, 1), worker_cpus=CPUS, worker_memory=6 * _GB, object_store=_GB // 2)
    try:
        control.up(local)
        control.use(local)
        with session(local.address):
            yield
    finally:
        control.down(local)


class Workshop:
    """The artifacts of the day, in one folder."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self.store = ArtifactStore(str(folder / "runs"))
        self._folder, self._reporter = folder, reporter

    def prepare(self) -> Artifact:
        """The model that is served, from text to weights by the project's own stages."""
        write_demo_corpus(self._folder, RECIPE.seed, _DOCUMENTS)
        context = self._context(TODAY, self._reporter)
        corpus = build_corpus(RECIPE.corpus, context)
        self._tokenizer = train_tokenizer(RECIPE.tokenizer, corpus, context)
        self._tokens = pack_tokens(RECIPE.tokens, corpus, self._tokenizer, context)
        return self._train(RECIPE.training, RECIPE.model, context)

    def train_until_told(self, reporter: Reporter) -> None:
        """The next model, on as many workers as there is room for. Raises Interrupted after SIGTERM."""
        spec = TrainingSpec.model_validate({**RECIPE.training.to_json(), **ELASTIC})
        self._train(spec, RECIPE.model, self._context(TOMORROW, reporter))

    def trained(self) -> LoopState:
        """Where its training stands by its newest checkpoint."""
        try:
            return LoopState.from_json(json.loads(self.store.ref(TOMORROW, "checkpoint").read(STATE)))
        except ArtifactError:  # not begun
            return LoopState()

    def _train(self, spec: TrainingSpec, model: ModelSpec, context: StageContext) -> Artifact:
        return train_model(spec, model, self._tokens, self._tokenizer, context)

    def _context(self, name: str, reporter: Reporter) -> StageContext:
        return StageContext(name, self.store, reporter, RECIPE.seed, self._folder)


@contextmanager
def served(model: Artifact) -> Iterator[str]:
    """The model behind HTTP for the time of the block; the base URL."""
    spec = ServingSpec.model_validate({**RECIPE.serving.to_json(), "port": free_port()})
    app = deploy_revision(spec, model, "1")
    try:
        url = start_gateway(spec, single_route(MODEL, "1", app))
        wait_ready(url)
        yield url
    finally:
        stop_gateway()
        stop_serving()


def running_replicas() -> int:
    """Copies of the model that take requests."""
    applications = serve.status().applications.values()
    found = [app.deployments[DEPLOYMENT] for app in applications if DEPLOYMENT in app.deployments]
    return sum(count for each in found for name, count in each.replica_states.items() if name == "RUNNING")


def training_workers() -> int:
    """Processes of the training that are there."""
    actors = state.actor_table(None).values()
    return sum(each["ActorClassName"] == "RayTrainWorker" and each["State"] == "ALIVE" for each in actors)
