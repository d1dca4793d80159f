"""Order, step, loop and Ray Train: from token rows to a model."""

from workloads.training.spec import TrainingSpec

__all__ = ["TrainingSpec"]
