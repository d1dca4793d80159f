"""What a document that the rules keep is checked for: personal data, and the words of the user's lexicon. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workloads.corpus.checks_spec import LexiconSpec, PersonalDataSpec
from workloads.text.lexicon import Hit, Lexicon, LexiconSearch, context_of, count_hits, search_of
from workloads.text.personal.kind import Kind, Span
from workloads.text.personal.mask import audit, count, mask
from workloads.text.personal.registry import kinds_named
from workloads.text.personal.scan import find_personal

PERSONAL, LEXICON = "personal_data", "lexicon"
_MOST_HITS = 200  # of one document, that are written down; all are counted
_AUDIT_PER_KIND = 2  # of one document


@dataclass(frozen=True)
class Checked:
    """The text as it goes on; `rule` and `value` where the document is dropped; what was found."""

    text: str
    rule: str = ""
    value: float = 0.0
    personal: Mapping[str, int] = field(default_factory=dict)
    audit: tuple[tuple[str, str], ...] = ()
    lexicon: Mapping[str, int] = field(default_factory=dict)
    hits: tuple[tuple[int, str, str, str], ...] = ()


@dataclass(frozen=True)
class Checks:
    """The checks of one run, ready for many texts."""

    personal: PersonalDataSpec
    kinds: tuple[Kind, ...]
    lexicon: LexiconSpec
    search: LexiconSearch | None

    @staticmethod
    def of(personal: PersonalDataSpec, lexicon: LexiconSpec, words: Lexicon | None) -> "Checks":
        kinds = () if personal.mode == "off" else kinds_named(personal.kinds)
        return Checks(personal, kinds, lexicon, search_of(words) if words else None)

    def check(self, text: str) -> Checked:
        """Personal data first, then the lexicon on the text as it goes on, so that places of hits are those of documents/."""
        spans = find_personal(text, self.kinds) if self.kinds else []
        if not spans and not self.search:
            return Checked(text)
        personal, shown = count(spans), _audit(text, spans) if self.personal.audit_samples else ()
        if spans and self.personal.mode == "drop":
            return Checked(text, PERSONAL, float(len(spans)), personal, shown)
        kept = mask(text, spans) if self.personal.mode == "mask" else text
        hits = self.search.find(kept) if self.search else []
        rows = tuple((hit.start, hit.category, hit.word, self._context(kept, hit)) for hit in hits[:_MOST_HITS])
        counted = self._counted(hits)
        rule = LEXICON if self.lexicon.action == "drop" and counted > self.lexicon.max_hits else ""
        return Checked(kept, rule, float(counted) if rule else 0.0, personal, shown, count_hits(hits), rows)

    def threshold(self, rule: str) -> float:
        """What the value of a check that drops a document was held against."""
        return float(self.lexicon.max_hits) if rule == LEXICON else 0.0

    def _context(self, text: str, hit: Hit) -> str:
        """Without personal data where that stays in the text: the table of hits is for other eyes."""
        around = context_of(text, hit, self.lexicon.context)
        return mask(around, find_personal(around, self.kinds)) if self.personal.mode == "tag" else around

    def _counted(self, hits: list[Hit]) -> int:
        wanted = self.lexicon.drop_categories
        return sum(not wanted or hit.category in wanted for hit in hits)


def _audit(text: str, spans: list[Span]) -> tuple[tuple[str, str], ...]:
    """(kind, starred item in its surroundings) of the first items of each kind."""
    seen: dict[str, int] = {}
    rows = []
    for index, span in enumerate(spans):
        seen[span.kind] = seen.get(span.kind, 0) + 1
        if seen[span.kind] <= _AUDIT_PER_KIND:
            rows.append((span.kind, audit(text, spans, index)))
    return tuple(rows)
