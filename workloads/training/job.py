"""What a training process is sent, and how it makes a run of it: artifacts, model, order. No Ray: elastic.py starts it."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from transformers import PreTrainedModel

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError
from cluster.manifest import Json, Work
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec
from workloads.training.checkpoint import CheckpointStore, near_store
from workloads.training.communicator import Communicator
from workloads.training.course import Course
from workloads.training.feed import Feed
from workloads.training.fit import memory_of, require_fit, training_cost
from workloads.training.listener import Listener
from workloads.training.loop import Run
from workloads.training.order import RowOrder
from workloads.training.precision import choose_precision
from workloads.training.prepare import packs_documents
from workloads.training.rollcall import Ending
from workloads.training.rows import TokenRows
from workloads.training.run_folder import RunFolder
from workloads.training.spec import TrainingSpec
from workloads.training.transfer import scale_output


@dataclass(frozen=True)
class TokenCounts:
    """What the manifest of a tokens artifact says. Rows of `sequence_length` tokens; characters of the training text."""

    rows_train: int
    rows_heldout: int
    tokens_train: int
    sequence_length: int
    vocabulary: int
    characters_train: int

    @staticmethod
    def of(tokens: Artifact) -> "TokenCounts":
        """Raises ArtifactError where the manifest lacks a count or there is nothing to train on."""
        counts = tokens.manifest.counts
        missing = [name for name in TokenCounts.__dataclass_fields__ if name not in counts]
        if missing:
            raise ArtifactError(f"the manifest of {tokens} lacks {', '.join(missing)}", "", "make the tokens again")
        found = TokenCounts(**{name: counts[name] for name in TokenCounts.__dataclass_fields__})
        if found.rows_train < 1:
            raise ArtifactError(f"{tokens} holds no row to train on", "", "give the corpus more text, or shorten the rows")
        return found


@dataclass(frozen=True)
class Job:
    """A training work, as plain values that any process can receive."""

    spec: TrainingSpec
    model: ModelSpec
    store_uri: str
    tokens: str
    work: Work
    run: str
    seed: int
    recipe: dict[str, Json] = field(default_factory=dict)

    def checkpoints(self) -> CheckpointStore:
        """With a store on this machine's disk where the durable one is far away, or checkpoints are wanted there."""
        store = ArtifactStore(self.store_uri)
        near = near_store(store) if self.spec.local_checkpoint_every or not store.root.is_local else None
        return CheckpointStore(store, self.work, self.run, self.spec.retention, self.recipe, near)

    def folder(self) -> RunFolder:
        """What is told of this run."""
        return RunFolder.of(ArtifactStore(self.store_uri), self.work.fingerprint)

    def limit(self, counts: TokenCounts) -> int:
        """The largest number of steps: `steps`, or `epochs` rounded up to a whole step."""
        if self.spec.steps is not None:
            return self.spec.steps
        return max(1, self.spec.plan.steps_for(int(self.spec.epochs * counts.rows_train)))


def run_job(job: Job, group: Communicator, device: torch.device, listener: Listener) -> Ending:
    """This process's whole part: open (and verify) the rows, build the model, resume, train.

    Raises ArtifactError for rows that differ from their manifest, ResourceError for a precision that is not there or a model
    that does not fit.
    """
    tokens = ArtifactStore(job.store_uri).open("tokens", job.tokens)
    counts = TokenCounts.of(tokens)
    precision = choose_precision(job.spec.precision, device)
    feed = open_feed(job, counts, tokens.local_folder(), device, packs_documents(job.spec, precision))
    cost_of = partial(training_cost, job.spec, job.model, counts.vocabulary, counts.sequence_length)
    require_fit(cost_of, job.spec.micro_batch, memory_of(device), f"this {device.type} worker")
    cost = cost_of(job.spec.micro_batch)
    course = Course(
        spec=job.spec,
        feed=feed,
        checkpoints=job.checkpoints(),
        folder=job.folder(),
        limit=job.limit(counts),
        flops_per_token=cost.training_flops_per_token,
        tokens=counts.tokens_train,
        characters=counts.characters_train,
    )
    model = fresh_model(job, counts)
    model.to(device)  # type: ignore[arg-type]
    return Run(course, model, group, precision, listener).train()


def open_feed(job: Job, counts: TokenCounts, folder: Path, device: torch.device, packed: bool = False) -> Feed:
    """The rows of a tokens artifact's folder, in the order of the job's seed."""
    rows = TokenRows(folder, "train")
    heldout = TokenRows(folder, "heldout") if counts.rows_heldout else None
    spec = job.spec
    return Feed(rows, heldout, RowOrder(len(rows), job.seed), spec.plan, device, spec.document_mask, spec.growth, packed)


def fresh_model(job: Job, counts: TokenCounts) -> PreTrainedModel:
    """The model of step 0, the same in every process."""
    model = build_decoder(decoder_config(job.model, counts.vocabulary, counts.sequence_length), job.seed)
    scale_output(model, job.spec)
    return model
