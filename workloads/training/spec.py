"""The `training` section of a recipe. Not for the model's shape (`model`) nor for the rows (`tokens`)."""

from typing import Literal

from pydantic import Field, model_validator

from cluster.config import Spec
from cluster.manifest import Json

Schedule = Literal["wsd", "cosine", "constant"]
PrecisionName = Literal["auto", "bf16", "f32"]

# Where and how safely a run is done, not what comes out of it: left out of the fingerprint, so that a run may go on with
# other values of these. micro_batch and workers change only the order in which floats are added.
_SURROUNDINGS = frozenset(
    {
        "micro_batch",
        "checkpoint_every",
        "keep_checkpoints",
        "workers",
        "min_workers",
        "cpus_per_worker",
        "gpus_per_worker",
        "max_failures",
        "tracking_uri",
    }
)


class TrainingSpec(Spec):
    """How long, how fast and on what. The length is `steps`, or else `epochs`; `minutes` and `stop_when_flat` may end it sooner."""

    epochs: float = Field(1.0, gt=0, description="passes over the token rows; not used where `steps` is given")
    steps: int | None = Field(None, ge=1, description="optimizer steps")
    minutes: float | None = Field(
        None, gt=0, description="wall-clock limit; the learning rate still decays to its end within it"
    )
    stop_when_flat: int | None = Field(None, ge=1, description="begin the decay after this many evaluations without a gain")
    global_batch: int = Field(32, ge=1, description="rows per optimizer step, whatever the number of workers")
    micro_batch: int = Field(8, ge=1, description="rows at once through the model; bounds the memory")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="peak learning rate of AdamW")
    weight_decay: float = Field(0.1, ge=0, description="decoupled weight decay on matrices")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the gradient average")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's decay of the squared gradient average")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's epsilon")
    clip: float = Field(1.0, ge=0, description="largest norm of the whole gradient (0: no clipping)")
    schedule: Schedule = Field("wsd", description="wsd (warm up, stay, decay), cosine or constant")
    warmup_steps: int = Field(50, ge=0, description="steps of linear warm-up")
    decay_share: float = Field(0.2, ge=0, lt=1, description="share of all steps in which wsd decays")
    final_share: float = Field(0.0, ge=0, le=1, description="learning rate at the end as a share of the peak")
    precision: PrecisionName = Field("auto", description="auto (bf16 where the hardware computes in it), bf16 or f32")
    evaluate_every: int = Field(100, ge=1, description="steps between two measurements of the held-out loss")
    evaluate_rows: int = Field(64, ge=0, description="held-out rows measured each time (0: none)")
    log_every: int = Field(10, ge=1, description="steps per line of metrics")
    checkpoint_every: int = Field(200, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(2, ge=1, description="newest checkpoints that are kept")
    workers: int = Field(1, ge=1, description="training processes; at most global_batch / micro_batch, rounded up")
    min_workers: int | None = Field(
        None, ge=1, description="fewest processes: fewer than `workers` lets the run shrink for serving and grow again"
    )
    cpus_per_worker: int | None = Field(None, ge=1, description="CPUs and threads of a worker (default: all CPUs / workers)")
    gpus_per_worker: int = Field(0, ge=0, le=1, description="GPUs of a worker")
    max_failures: int = Field(
        3, ge=-1, description="lost workers after which a run ends (-1: never); those above min_workers count for themselves"
    )
    tracking_uri: str = Field("", description="MLflow tracking URI to log to while training (empty: JSON lines only)")

    @property
    def micro_batches(self) -> int:
        """Micro-batches per step."""
        return -(-self.global_batch // self.micro_batch)

    def identity(self) -> dict[str, Json]:
        """The values that decide the result: what enters the fingerprint."""
        return {key: value for key, value in self.to_json().items() if key not in _SURROUNDINGS}

    @model_validator(mode="after")
    def _every_worker_has_work(self) -> "TrainingSpec":
        if self.workers > self.micro_batches:
            raise ValueError(
                f"{self.workers} workers for {self.micro_batches} micro-batches per step: "
                f"lower workers or micro_batch, or raise global_batch ({self.global_batch})"
            )
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ValueError(f"min_workers {self.min_workers} is more than workers {self.workers}: lower it or raise workers")
        return self
