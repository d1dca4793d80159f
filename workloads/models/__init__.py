"""Architectures, their size and cost, and their files. torch, no Ray."""

from workloads.models.size import ModelCost, describe
from workloads.models.spec import ModelSpec

__all__ = ["ModelCost", "ModelSpec", "describe"]
