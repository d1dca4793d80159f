"""Every reason for which a document is dropped, in the order in which they are asked, and what each means in words."""

from collections.abc import Mapping

from cluster.manifest import Json
from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.decontamination.hits import CONTAMINATED
from workloads.corpus.dedup.fates import EXACT, NEAR, SEMANTIC, SHARED
from workloads.corpus.learned.spec import THRESHOLDS, threshold_of
from workloads.text.rules import RULE_NAMES, RULES

REASONS: tuple[str, ...] = (*RULE_NAMES, PERSONAL, LEXICON, CONTAMINATED, EXACT, NEAR, SEMANTIC, SHARED)

_RULES = {rule.name: rule.meaning for rule in RULES}
_OTHERS = {
    PERSONAL: "holds personal data, which `personal_data.mode: drop` does not keep",
    LEXICON: "more than {lexicon[max_hits]} hits of the lexicon",
    CONTAMINATED: "holds at least {decontamination[min_share]:.0%} of an item of an evaluation set, choices included",
    EXACT: "equal to another but for script, width, punctuation and space",
    NEAR: "shares at least {duplicates[threshold]:.0%} of its 5-grams with another",
    SEMANTIC: "says what another says, by the vectors of an encoder, with a similarity of at least {duplicates[semantic][threshold]}",
    SHARED: "of its text, shared with others, fewer than {rules[length]:g} characters are its own",
}


def explain(reason: str, spec: Mapping[str, Json]) -> str:
    """The meaning of a reason with the thresholds of this run; empty for an unknown one."""
    if reason == SEMANTIC and not _semantic(spec):
        return ""
    if reason not in _RULES:
        return _OTHERS.get(reason, "").format_map(spec)
    rules = spec["rules"]
    if reason in THRESHOLDS:
        threshold: Json = threshold_of(reason, spec)
    else:
        threshold = rules[reason] if isinstance(rules, Mapping) else None
    return _RULES[reason].format(threshold) if isinstance(threshold, int | float) else ""


def _semantic(spec: Mapping[str, Json]) -> Json:
    duplicates = spec["duplicates"]
    return duplicates.get("semantic") if isinstance(duplicates, Mapping) else None
