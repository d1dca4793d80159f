"""Checkpoints as artifacts: weights, optimizer, position and random state, with the metrics and the ledger so far.

A checkpoint exists once its manifest is written, whoever dies afterwards; only rank 0 writes.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file

from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.draft import Draft
from cluster.errors import ArtifactError
from cluster.manifest import MANIFEST, Json, Work

WEIGHTS, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
METRICS, LEDGER = "metrics.jsonl", "ledger.jsonl"


@dataclass(frozen=True)
class LoopState:
    """Where a run stands after `step` steps. `position` is the next row of the order, `total_steps` 0 while undecided;
    `best_heldout` and `waiting` serve the early end; `seconds` counts training time over all starts."""

    step: int = 0
    position: int = 0
    tokens: int = 0
    seconds: float = 0.0
    first_seconds: float = 0.0
    total_steps: int = 0
    best_heldout: float | None = None
    waiting: int = 0
    world_size: int = 1
    random_state: str = ""

    @property
    def finished(self) -> bool:
        return 0 < self.total_steps <= self.step

    def to_json(self) -> dict[str, Json]:
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Json]) -> "LoopState":
        """Raises TypeError for unknown keys."""
        return LoopState(**values)  # type: ignore[arg-type]


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
    which the newest is remembered."""

    store: ArtifactStore
    work: Work
    run: str
    keep: int = 2
    recipe: Mapping[str, Json] | None = None

    def save(self, content: Content) -> Artifact:
        """Commit a checkpoint, then drop all but the `keep` newest."""
        work = self._work(content.state.step)
        storage.delete_folder(self.store.root / "checkpoint" / work.folder)  # one that was found damaged, or never committed
        with self.store.draft(work, self.recipe) as draft:
            _write_tensors(draft, WEIGHTS, content.weights)
            _write_tensors(draft, OPTIMIZER, content.optimizer)
            draft.write(STATE, (json.dumps(content.state.to_json(), indent=1) + "\n").encode())
            draft.write(METRICS, "".join(f"{line}\n" for line in content.metrics).encode())
            draft.write(LEDGER, "".join(f"{line}\n" for line in content.ledger).encode())
            draft.counts |= {"step": content.state.step, "position": content.state.position, "tokens": content.state.tokens}
        artifact = self.store.open("checkpoint", work.folder)
        self.store.set_ref(self.run, artifact)
        for old in self._committed()[: -self.keep]:
            _delete(old)
        return artifact

    def newest(self, note: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; a damaged one is told through `note` and passed over for the one before."""
        for artifact in reversed(self._committed()):
            try:
                folder = artifact.local_folder()
                state = LoopState.from_json(json.loads((folder / STATE).read_bytes()))
                return Checkpoint(artifact, state, folder)
            except (ArtifactError, SafetensorError, TypeError, ValueError, OSError) as error:
                note(f"{error}: passed over for the checkpoint before")
        return None

    def _committed(self) -> list[Artifact]:
        """By step, oldest first (the folders' names end in eight digits)."""
        found = []
        prefix = f"{self.work.fingerprint}-"
        for name in storage.list_folders(self.store.root / "checkpoint"):
            if name.startswith(prefix) and storage.kind_of(self.store.root / "checkpoint" / name / MANIFEST) == "file":
                found.append(self.store.open("checkpoint", name))
        return found

    def _work(self, step: int) -> Work:
        spec: dict[str, Json] = {**self.work.spec, "step": step}
        name = f"{self.work.fingerprint}-{step:08d}"
        return Work("checkpoint", spec, self.work.inputs, self.work.stage_version, name)


def _write_tensors(draft: Draft, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    ready = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    if draft.location.is_local:
        with storage.plain_errors("writing", draft.location):
            try:
                save_file(ready, str(Path(draft.location.path) / name), metadata={"format": "pt"})
            except SafetensorError as error:  # it reports a full disk as its own error
                raise OSError(str(error)) from error
    else:
        draft.write(name, save(ready, metadata={"format": "pt"}))


def _delete(artifact: Artifact) -> None:
    """The manifest first: what is left if this is interrupted does not exist for a reader."""
    manifest = artifact.location / MANIFEST
    with storage.plain_errors("deleting", manifest):
        artifact.location.filesystem.delete_file(manifest.path)
    storage.delete_folder(artifact.location)
