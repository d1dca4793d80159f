"""Every reason for which a document is dropped, in the order in which they are asked, and what each means in words."""

from collections.abc import Mapping

from cluster.manifest import Json
from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.fates import EXACT, NEAR
from workloads.corpus.spec import CorpusSpec
from workloads.text.rules import RULE_NAMES

REASONS: tuple[str, ...] = (*RULE_NAMES, PERSONAL, LEXICON, EXACT, NEAR)

_MEANING = {
    "mojibake": "more than {max_mojibake:.0%} of the text is damaged by a wrong encoding",
    "length": "shorter than {min_characters} characters",
    "han_share": "less than {min_han_share:.0%} of it is Han",
    "repetition": "more than {max_repetition:.0%} of it has been said before",
    "variety": "its characters carry less than {min_variety:g} bits each",
    "sentences": "less than {min_sentence_marks:.1%} of it are marks between clauses",
    PERSONAL: "holds personal data, which `personal_data.mode: drop` does not keep",
    LEXICON: "more than {lexicon[max_hits]} hits of the lexicon",
    EXACT: "equal to another but for script, width, punctuation and space",
    NEAR: "shares at least {near_threshold:.0%} of its 5-grams with another",
}


def explain(reason: str, spec: Mapping[str, Json]) -> str:
    """The meaning of a reason with the thresholds of this run; empty for an unknown one."""
    return _MEANING.get(reason, "").format_map(spec)


def threshold_of(reason: str, spec: CorpusSpec) -> float | None:
    """The number that a measured value was held against, or None for a reason without one."""
    others = {LEXICON: float(spec.lexicon.max_hits), NEAR: spec.near_threshold}
    return spec.thresholds().get(reason, others.get(reason))
