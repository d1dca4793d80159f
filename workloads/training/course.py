"""All that a training run is given beside the model and its processes."""

from dataclasses import dataclass

from workloads.training.checkpoint import CheckpointStore
from workloads.training.feed import Feed
from workloads.training.run_folder import RunFolder
from workloads.training.spec import TrainingSpec


@dataclass(frozen=True)
class Course:
    """`folder` is for what is told of the run. `limit`: the largest number of steps. `tokens` and `characters` of the same text
    turn nats per token into bits per character."""

    spec: TrainingSpec
    feed: Feed
    checkpoints: CheckpointStore
    folder: RunFolder
    limit: int
    flops_per_token: int
    tokens: int
    characters: int
