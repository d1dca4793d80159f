"""The `training` section of a recipe. Not for the model's shape (`model`) nor for the rows (`tokens`)."""

from typing import Literal

from pydantic import Field, model_validator

from cluster.config import Spec
from cluster.manifest import Json
from workloads.training.growth import GrowthSpec
from workloads.training.health.spec import HealthSpec
from workloads.training.parallel.spec import ParallelSpec
from workloads.training.retention import Retention
from workloads.training.step_plan import StepPlan

Schedule = Literal["wsd", "cosine", "linear", "constant"]
OptimizerName = Literal["adamw", "muon"]
States = Literal["f32", "8bit"]
Kernels = Literal["torch", "liger"]
Recompute = Literal["none", "selective", "full"]
PrecisionName = Literal["auto", "bf16", "f32"]

# Where and how safely a run is done, not what comes out of it: left out of the fingerprint, so that a run may go on with
# other values of these. micro_batch and workers change only the order in which floats are added.
_SURROUNDINGS = frozenset(
    {
        "micro_batch",
        "checkpoint_every",
        "keep_checkpoints",
        "keep_best",
        "keep_every_hours",
        "local_checkpoint_every",
        "workers",
        "min_workers",
        "cpus_per_worker",
        "gpus_per_worker",
        "max_failures",
        "tracking_uri",
        "recompute",
        "compile",
        "kernels",
        "parallel",
    }
)

# Left out while they are what they were before they could be set, so that the runs of then go on and their models are found.
_NEWER = frozenset({"growth", "base_width", "optimizer_states"})


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
    growth: GrowthSpec = Field(GrowthSpec(), description="steps and sequences that begin small")
    optimizer: OptimizerName = Field(
        "muon", description="muon (for the layers' matrices, AdamW for the rest), or adamw for all"
    )
    learning_rate: float = Field(1e-3, gt=0, le=1, description="peak learning rate of either optimizer")
    optimizer_states: States = Field(
        "f32", description="format of AdamW's averages; 8bit takes a quarter of the memory (pip install 'hanlin[eight-bit]')"
    )
    base_width: int | None = Field(
        None, ge=8, description="model.hidden_size that learning_rate was found for; that of other widths follows (muP)"
    )
    weight_decay: float = Field(0.1, ge=0, description="decoupled weight decay on matrices")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the gradient average")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's decay of the squared gradient average")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's epsilon")
    muon_momentum: float = Field(0.95, ge=0, lt=1, description="Muon's decay of the gradient average")
    weight_average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share that a running average of the weights keeps at each step; evaluated and exported (0: none)",
    )
    z_loss: float = Field(0.0, ge=0, description="weight of the squared log-normaliser of the logits (0: none)")
    clip: float = Field(1.0, ge=0, description="largest norm of the whole gradient (0: no clipping)")
    schedule: Schedule = Field("wsd", description="wsd (warm up, stay, decay), cosine, linear or constant")
    warmup_steps: int = Field(50, ge=0, description="steps of linear warm-up")
    decay_share: float = Field(0.2, ge=0, lt=1, description="share of all steps in which wsd decays")
    final_share: float = Field(0.0, ge=0, le=1, description="learning rate at the end as a share of the peak")
    precision: PrecisionName = Field("auto", description="auto (bf16 where the hardware computes in it), bf16 or f32")
    document_mask: bool = Field(False, description="attention stays within a document where a row holds parts of several")
    recompute: Recompute = Field(
        "none",
        description="activations computed again in the backward pass: none, selective (cheap ones) or full (whole layers)",
    )
    compile: bool = Field(False, description="compile the layers with torch.compile; worth its minutes on a GPU, not on a CPU")
    kernels: Kernels = Field("torch", description="liger: fused norms and activations on a GPU (pip install 'hanlin[liger]')")
    evaluate_every: int = Field(100, ge=1, description="steps between two measurements of the held-out loss")
    evaluate_rows: int = Field(64, ge=0, description="held-out rows measured each time (0: none)")
    log_every: int = Field(10, ge=1, description="steps per line of metrics")
    checkpoint_every: int = Field(200, ge=1, description="steps between two checkpoints")
    local_checkpoint_every: int | None = Field(
        None, ge=1, description="steps between two checkpoints on the worker's own disk, beside the durable ones"
    )
    keep_checkpoints: int = Field(2, ge=1, description="newest checkpoints that are kept")
    keep_best: int = Field(1, ge=0, description="checkpoints of the lowest held-out loss that are kept as well")
    keep_every_hours: float | None = Field(None, gt=0, description="hours of training of which one checkpoint is kept as well")
    health: HealthSpec = Field(HealthSpec(), description="what makes a bad step, and what is done about it")
    parallel: ParallelSpec = Field(ParallelSpec(), description="what the processes share instead of holding it whole each")
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

    @property
    def plan(self) -> StepPlan:
        """Which rows a step owns."""
        growth = self.growth
        return StepPlan(
            self.global_batch, min(self.micro_batch, self.global_batch), growth.first_batch or 0, growth.batch_steps
        )

    def identity(self) -> dict[str, Json]:
        """The values that decide the result: what enters the fingerprint."""
        usual = TrainingSpec().to_json()
        values = {
            key: value
            for key, value in self.to_json().items()
            if key not in _SURROUNDINGS and not (key in _NEWER and value == usual[key])
        }
        return values | {"health": self.health.identity()}

    @property
    def retention(self) -> Retention:
        return Retention(self.keep_checkpoints, self.keep_best, self.keep_every_hours)

    @model_validator(mode="after")
    def _steps_grow_upwards(self) -> "TrainingSpec":
        first = self.growth.first_batch
        if first is not None and first > self.global_batch:
            raise ValueError(f"growth.first_batch {first} is more than global_batch {self.global_batch}: lower it")
        return self

    @model_validator(mode="after")
    def _states_are_whole(self) -> "TrainingSpec":
        if self.optimizer_states == "8bit" and not self.parallel.plain:
            raise ValueError("optimizer_states 8bit with a parallel section, which cuts them already: leave one of them out")
        return self

    @model_validator(mode="after")
    def _rates_carry_over(self) -> "TrainingSpec":
        if self.base_width is not None and self.optimizer != "adamw":
            raise ValueError(
                f"base_width with optimizer {self.optimizer}: rates carry over with adamw; set optimizer: adamw, or leave base_width out"
            )
        return self

    @model_validator(mode="after")
    def _every_worker_has_work(self) -> "TrainingSpec":
        readers = self.workers // (self.parallel.tensor * self.parallel.context)
        if readers > self.micro_batches:
            raise ValueError(
                f"{self.workers} workers for {self.micro_batches} micro-batches per step: "
                f"lower workers or micro_batch, or raise global_batch ({self.global_batch})"
            )
        if self.workers % self.parallel.group:
            raise ValueError(
                f"{self.workers} workers for groups of {self.parallel.group} (parallel.shard x context x tensor): "
                "make workers a multiple of it"
            )
        if self.min_workers is not None and not self.parallel.plain:
            raise ValueError(
                "min_workers with a parallel section: a group that shares a model cannot shrink; leave one of them out"
            )
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ValueError(f"min_workers {self.min_workers} is more than workers {self.workers}: lower it or raise workers")
        return self
