"""All rules in the order in which they are asked: cheap ones first. A new rule: subclass `Rule`, list it here."""

from collections.abc import Mapping, Sequence

from workloads.text.rules.base import KEEP, Rule, Verdict
from workloads.text.rules.characters import Digits, Entropy, HanShare, Length, Mojibake, Sentences, Unique
from workloads.text.rules.language import ForeignScript
from workloads.text.rules.learned import LEARNED
from workloads.text.rules.lines import Bullets, Ellipses, ExpandMore, LineEnds, LineRepetition, ParagraphRepetition
from workloads.text.rules.markup import Brackets, Code, Tags, Urls
from workloads.text.rules.measured import Measured
from workloads.text.rules.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS
from workloads.text.rules.spam import Advertising, Keywords

RULES: tuple[type[Rule], ...] = (
    Length,
    Mojibake,  # before what counts letters, since damaged text has strange ones
    ForeignScript,
    HanShare,
    Digits,
    Unique,
    Entropy,
    LineRepetition,
    ParagraphRepetition,
    Sentences,
    LineEnds,
    Bullets,
    Ellipses,
    ExpandMore,
    Tags,
    Urls,
    Brackets,
    Code,
    Keywords,
    Advertising,
    *reversed(DUPLICATE_NGRAMS),  # the longest that repeats is the plainest reason
    *TOP_NGRAMS,
    *LEARNED,
)
"""The first that drops a document is its reason."""

RULE_NAMES: tuple[str, ...] = tuple(rule.name for rule in RULES)


def build_rules(thresholds: Mapping[str, float]) -> list[Rule]:
    """The rules that have a threshold, in the fixed order."""
    return [rule(thresholds[rule.name]) for rule in RULES if rule.name in thresholds]


def judge(text: Measured, rules: Sequence[Rule]) -> Verdict:
    """The first verdict that drops the text, else one that keeps it."""
    for rule in rules:
        verdict = rule.judge(text)
        if not verdict.keep:
            return verdict
    return KEEP
