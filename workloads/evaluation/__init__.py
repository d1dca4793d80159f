"""Evaluation: how well a model predicts text it has never seen, beside plain baselines, and what it writes itself."""

from workloads.evaluation.spec import EvaluationSpec

__all__ = ["EvaluationSpec"]
