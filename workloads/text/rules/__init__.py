"""Rules that keep or drop a document by one number measured on its text; a family of measures per file."""

from workloads.text.rules.base import Rule, Verdict
from workloads.text.rules.measured import Measured, measure_all
from workloads.text.rules.registry import RULE_NAMES, RULES, build_rules, judge
from workloads.text.rules.repetition import lengths_of

__all__ = ["RULES", "RULE_NAMES", "Measured", "Rule", "Verdict", "build_rules", "judge", "lengths_of", "measure_all"]
