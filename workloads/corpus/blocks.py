"""Cleaned blocks by reference, and what is known of their documents without the text, in tables beside them: finding duplicates
and the survey read those alone, so that a block which lies on disk by then stays there."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from workloads.corpus.tables import is_empty, texts
from workloads.text.traditional import count_traditional

_COLUMNS = ["row", "id", "source", "problem", "rule", "value", "characters", "digest", "bands", "date", "score"]
_LOOKED_AT = 2_000  # characters of a document in which Traditional ones are counted


@dataclass(frozen=True)
class Blocks:
    """References to tables with columns CLEAN and, for each, to its heads."""

    tables: list[Any]
    heads: list[Any]


def heads_of(block: pa.Table) -> pa.Table:
    """The columns of a cleaned block that are no text, and `traditional`: 0 for what a rule drops."""
    stays = is_empty(block, "problem") & is_empty(block, "rule")
    counts = [
        count_traditional(text[:_LOOKED_AT]) if stay else 0 for text, stay in zip(texts(block, "text"), stays, strict=True)
    ]
    return block.select(_COLUMNS).append_column("traditional", pa.array(counts, pa.uint32()))
