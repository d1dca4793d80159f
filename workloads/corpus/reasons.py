"""Every reason for which a document is dropped, in the order in which they are asked, and what each means in words."""

from collections.abc import Mapping

from cluster.artifacts import Json
from workloads.corpus.fates import EXACT, NEAR
from workloads.text.rules import RULE_NAMES

REASONS: tuple[str, ...] = (*RULE_NAMES, EXACT, NEAR)

_MEANING = {
    "mojibake": "more than {max_mojibake} of the text is damaged by a wrong encoding",
    "length": "shorter than {min_characters} characters",
    "han_share": "less than {min_han_share} of it is Han",
    "repetition": "more than {max_repetition} of it has been said before",
    "variety": "characters vary less than {min_variety} bits",
    "sentences": "marks between clauses are rarer than {min_sentence_marks}",
    EXACT: "equal to another but for script, width, punctuation and space",
    NEAR: "shares {near_threshold} or more of its 5-grams with another",
}


def explain(reason: str, spec: Mapping[str, Json]) -> str:
    """The meaning of a reason with the thresholds of this run; empty for an unknown one."""
    return _MEANING.get(reason, "").format_map(spec)
