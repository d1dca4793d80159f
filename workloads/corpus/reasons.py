"""Every reason for which a document is dropped, in the order in which they are asked, and what each means in words."""

from collections.abc import Mapping

from cluster.manifest import Json
from workloads.corpus.dedup.fates import EXACT, NEAR
from workloads.corpus.learned.spec import THRESHOLDS, threshold_of
from workloads.text.rules import RULE_NAMES, RULES

REASONS: tuple[str, ...] = (*RULE_NAMES, EXACT, NEAR)

_RULES = {rule.name: rule.meaning for rule in RULES}
_COPIES = {
    EXACT: "equal to another but for script, width, punctuation and space",
    NEAR: "shares at least {duplicates[threshold]:.0%} of its 5-grams with another",
}


def explain(reason: str, spec: Mapping[str, Json]) -> str:
    """The meaning of a reason with the thresholds of this run; empty for an unknown one."""
    if reason not in _RULES:
        return _COPIES.get(reason, "").format_map(spec)
    rules = spec["rules"]
    if reason in THRESHOLDS:
        threshold: Json = threshold_of(reason, spec)
    else:
        threshold = rules[reason] if isinstance(rules, Mapping) else None
    return _RULES[reason].format(threshold) if isinstance(threshold, int | float) else ""
