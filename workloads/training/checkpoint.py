"""Checkpoints as artifacts: weights, optimizer, position and random state, with the metrics and the ledger so far.

A checkpoint exists once its manifest is written, whoever dies afterwards; only rank 0 writes. Which ones stay: retention.py.
"""

import base64
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.draft import Draft
from cluster.errors import ArtifactError
from cluster.manifest import MANIFEST, Json, Work
from workloads.training.health.judge import Recent
from workloads.training.retention import Retention, Stand

WEIGHTS, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
METRICS, LEDGER = "metrics.jsonl", "ledger.jsonl"


@dataclass(frozen=True)
class LoopState:
    """Where a run stands after `step` steps. `position` is the next row of the order, `total_steps` 0 while undecided;
    `heldout` is the last held-out loss; `best_heldout` and `waiting` serve the early end; `seconds` counts training time over
    all starts; `recent` is what the next step is compared with (health/judge.py)."""

    step: int = 0
    position: int = 0
    tokens: int = 0
    seconds: float = 0.0
    first_seconds: float = 0.0
    total_steps: int = 0
    heldout: float | None = None
    best_heldout: float | None = None
    waiting: int = 0
    world_size: int = 1
    random_state: str = ""
    recent: Recent = ()

    @property
    def finished(self) -> bool:
        return 0 < self.total_steps <= self.step

    def to_json(self) -> dict[str, Json]:
        return {**asdict(self), "recent": [[loss, norm] for loss, norm in self.recent]}

    @staticmethod
    def from_json(values: Mapping[str, Json]) -> "LoopState":
        """Raises TypeError for unknown keys."""
        return LoopState(**{**values, "recent": _pairs(values.get("recent"))})  # type: ignore[arg-type]


def _pairs(value: Json) -> Recent:
    pairs = value if isinstance(value, list) else []
    return tuple((float(pair[0]), float(pair[1])) for pair in pairs if isinstance(pair, list))  # type: ignore[arg-type]


def with_random_state(state: LoopState) -> LoopState:
    """With torch's CPU generator as it is now."""
    return replace(state, random_state=base64.b64encode(torch.get_rng_state().numpy().tobytes()).decode())


def restore_random_state(state: LoopState) -> None:
    if state.random_state:
        data = bytearray(base64.b64decode(state.random_state))
        torch.set_rng_state(torch.frombuffer(data, dtype=torch.uint8).clone())


@dataclass(frozen=True)
class Checkpoint:
    """A committed and verified checkpoint."""

    artifact: Artifact
    state: LoopState
    folder: Path

    def weights(self) -> dict[str, torch.Tensor]:
        return load_file(str(self.folder / WEIGHTS))

    def optimizer(self) -> dict[str, torch.Tensor]:
        return load_file(str(self.folder / OPTIMIZER))

    def lines(self, name: str) -> list[str]:
        """The lines of METRICS or LEDGER."""
        return (self.folder / name).read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class Content:
    """What goes into a checkpoint."""

    state: LoopState
    weights: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]
    metrics: Sequence[str]
    ledger: Sequence[str]


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one training work, in folders `<fingerprint of the work>-<step>`. `run` is the recipe's name, under
    which the newest is remembered. `near`: a store on this machine's disk, where one is written first and then copied from,
    and where there may be newer ones than in the durable store."""

    store: ArtifactStore
    work: Work
    run: str
    retention: Retention = field(default_factory=Retention)
    recipe: Mapping[str, Json] | None = None
    near: ArtifactStore | None = None

    def save(self, content: Content) -> Artifact:
        """Commit a durable checkpoint, then drop those that need not stay."""
        near = self.save_near(content) if self.near is not None else None
        artifact = self._write(self.store, content, near)
        self.store.set_ref(self.run, artifact)
        self._drop(self.store, self.retention)
        return artifact

    def save_near(self, content: Content) -> Artifact:
        """Commit one on this machine's disk alone; the one before goes."""
        if self.near is None:
            raise ValueError("there is no store on this machine's disk")
        artifact = self._write(self.near, content)
        self._drop(self.near, Retention(last=1))
        return artifact

    def newest(self, note: Callable[[str], None], at_most: int | None = None) -> Checkpoint | None:
        """The newest whole checkpoint (of step `at_most` or before, or else the oldest); a damaged one is told through `note`
        and passed over for the one before."""
        found = [(step, artifact) for store in self._stores() for step, artifact in self._committed(store, note)]
        newest_first = sorted(found, key=lambda pair: -pair[0])  # of one step the nearest first
        if at_most is not None:
            early = [pair for pair in newest_first if pair[0] <= at_most]
            newest_first = [*early, *reversed(newest_first[: len(newest_first) - len(early)])]
        for _, artifact in newest_first:
            try:
                folder = artifact.local_folder()
                state = LoopState.from_json(json.loads((folder / STATE).read_bytes()))
                return Checkpoint(artifact, state, folder)
            except (ArtifactError, SafetensorError, TypeError, ValueError, OSError) as error:
                note(f"{error}: passed over for the checkpoint before")
        return None

    def drop_after(self, step: int) -> None:
        """Take away those of later steps, which a roll back has undone."""
        for store in self._stores():
            for later, artifact in self._committed(store):
                if later > step:
                    _delete(artifact)

    def forget_near(self) -> None:
        """Take away what is on this machine's disk."""
        if self.near is not None:
            for _, artifact in self._committed(self.near):
                _delete(artifact)

    def _stores(self) -> list[ArtifactStore]:
        return [self.store] if self.near is None else [self.near, self.store]

    def _write(self, store: ArtifactStore, content: Content, copied_from: Artifact | None = None) -> Artifact:
        work = self._work(content.state.step)
        storage.delete_folder(store.root / "checkpoint" / work.folder)  # one that was found damaged, or never committed
        with store.draft(work, self.recipe) as draft:
            if copied_from is None:
                _fill(draft, content)
            else:
                for entry in copied_from.entries():
                    draft.link(copied_from.location, entry)
            state = content.state
            draft.counts |= {"step": state.step, "position": state.position, "tokens": state.tokens}
            draft.metrics |= {"training_seconds": state.seconds}
            if state.heldout is not None:
                draft.metrics["heldout_loss"] = state.heldout
        return store.open("checkpoint", work.folder)

    def _drop(self, store: ArtifactStore, retention: Retention) -> None:
        committed = list(self._committed(store))
        kept = retention.kept([_stand(step, artifact) for step, artifact in committed])
        for step, artifact in committed:
            if step not in kept:
                _delete(artifact)

    def _committed(self, store: ArtifactStore, note: Callable[[str], None] = lambda _: None) -> Iterable[tuple[int, Artifact]]:
        """By step, oldest first (the folders' names end in eight digits). One whose manifest cannot be read is told."""
        prefix = f"{self.work.fingerprint}-"
        for name in storage.list_folders(store.root / "checkpoint"):
            if name.startswith(prefix) and storage.kind_of(store.root / "checkpoint" / name / MANIFEST) == "file":
                try:
                    yield int(name.removeprefix(prefix)), store.open("checkpoint", name)
                except ArtifactError as error:
                    note(f"{error}: passed over for the checkpoint before")

    def _work(self, step: int) -> Work:
        spec: dict[str, Json] = {**self.work.spec, "step": step}
        name = f"{self.work.fingerprint}-{step:08d}"
        return Work("checkpoint", spec, self.work.inputs, self.work.stage_version, name)


def near_store(store: ArtifactStore) -> ArtifactStore:
    """The store on this machine's disk that belongs to a durable one."""
    name = storage.sha256_of_bytes(store.uri.encode())[:16]
    return ArtifactStore(str(Path(tempfile.gettempdir()) / f"hanlin-{os.getuid()}" / "checkpoints" / name))


def _stand(step: int, artifact: Artifact) -> Stand:
    metrics = artifact.manifest.metrics
    return Stand(step, metrics.get("training_seconds", 0.0), metrics.get("heldout_loss"))


def _fill(draft: Draft, content: Content) -> None:
    _write_tensors(draft, WEIGHTS, content.weights)
    _write_tensors(draft, OPTIMIZER, content.optimizer)
    draft.write(STATE, (json.dumps(content.state.to_json(), indent=1) + "\n").encode())
    draft.write(METRICS, "".join(f"{line}\n" for line in content.metrics).encode())
    draft.write(LEDGER, "".join(f"{line}\n" for line in content.ledger).encode())


def _write_tensors(draft: Draft, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """On the disk before the manifest is: a machine that loses its power then has both, or no manifest."""
    ready = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with tempfile.TemporaryDirectory() as scratch, storage.plain_errors("writing", draft.location):
        folder = Path(draft.location.path if draft.location.is_local else scratch)
        try:
            save_file(ready, str(folder / name), metadata={"format": "pt"})
        except SafetensorError as error:  # it reports a full disk as its own error
            raise OSError(str(error)) from error
        if not draft.location.is_local:
            draft.upload(folder / name, name)
            return
        with (folder / name).open("rb") as handle:
            os.fsync(handle.fileno())


def _delete(artifact: Artifact) -> None:
    """The manifest first: what is left if this is interrupted does not exist for a reader."""
    manifest = artifact.location / MANIFEST
    with storage.plain_errors("deleting", manifest):
        artifact.location.filesystem.delete_file(manifest.path)
    storage.delete_folder(artifact.location)
