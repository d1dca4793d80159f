"""What of the evaluation sets stands in a document. Pure; the sets' files are read once and the index is handed to every task."""

from collections.abc import Sequence
from dataclasses import dataclass

from workloads.corpus.decontamination.items import Item, SetFile, read_items
from workloads.corpus.decontamination.spec import DecontaminationSpec
from workloads.text.overlap import Match, OverlapIndex, build_overlap_index
from workloads.text.quotation import fold_choices, opens, quotes

CONTAMINATED = "contaminated"
REPORTED_SHARE = 0.2  # of an item, from which its overlap is in the report


@dataclass(frozen=True)
class Hit:
    """An item by its number, the share of it that the document holds, and whether the document quotes it (not the other way
    round; see workloads/text/quotation.py)."""

    item: int
    share: float
    quoted: bool


@dataclass(frozen=True)
class Decontaminator:
    """The items of all sets, ready to be looked for."""

    items: tuple[Item, ...]
    index: OverlapIndex
    min_share: float
    drops: bool

    def hits(self, text: str, folded: str) -> list[Hit]:
        """The items of which the document holds a share worth reporting, the largest first. `folded`: see workloads/text/fold.py."""
        bare = fold_choices(text, folded)
        found = self.index.match(bare, min(REPORTED_SHARE, self.min_share))
        return [Hit(match.item, match.share, self._quoted(match, bare)) for match in found]

    def _quoted(self, match: Match, bare: str) -> bool:
        parts = self.items[match.item].parts
        return (match.share >= self.min_share and quotes(parts, bare)) or opens(parts, bare)


def build_decontaminator(items: Sequence[Item], spec: DecontaminationSpec) -> Decontaminator:
    index = build_overlap_index([fold_choices(item.text) for item in items], spec.ngram, spec.common_items, spec.least_ngrams)
    return Decontaminator(tuple(items), index, spec.min_share, spec.action == "drop")


def open_decontaminator(files: Sequence[SetFile], spec: DecontaminationSpec) -> Decontaminator | None:
    """From the files of all sets; None where there is none. Raises InputError where one cannot be read."""
    return build_decontaminator(read_items(files), spec) if files else None
