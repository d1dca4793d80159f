"""Every reason for which a document is dropped, in the order in which they are asked, and what each means in words."""

from collections.abc import Mapping

from cluster.manifest import Json
from workloads.corpus.dedup.fates import EXACT, NEAR, SHARED
from workloads.text.rules import RULE_NAMES

REASONS: tuple[str, ...] = (*RULE_NAMES, EXACT, NEAR, SHARED)

_MEANING = {
    "mojibake": "more than {max_mojibake:.0%} of the text is damaged by a wrong encoding",
    "length": "shorter than {min_characters} characters",
    "han_share": "less than {min_han_share:.0%} of it is Han",
    "repetition": "more than {max_repetition:.0%} of it has been said before",
    "variety": "its characters carry less than {min_variety:g} bits each",
    "sentences": "less than {min_sentence_marks:.1%} of it are marks between clauses",
    EXACT: "equal to another but for script, width, punctuation and space",
    NEAR: "shares at least {duplicates[threshold]:.0%} of its 5-grams with another",
    SHARED: "of its text, shared with others, fewer than {min_characters} characters are its own",
}


def explain(reason: str, spec: Mapping[str, Json]) -> str:
    """The meaning of a reason with the thresholds of this run; empty for an unknown one."""
    return _MEANING.get(reason, "").format_map(spec)
