"""The recipe's `corpus.decontamination` section: which evaluation sets must not be trained on."""

from typing import Literal

from pydantic import Field

from cluster.config import Spec


class EvaluationSetSpec(Spec):
    """Files of one evaluation set."""

    path: str = Field(min_length=1, description="file or folder: csv, tsv, jsonl, json or parquet; relative to the recipe")
    name: str = Field(default="", description="name in the report; default: the file's or folder's")
    fields: tuple[str, ...] = Field(
        default=(), description="fields whose texts together are an item, such as [question, A, B, C, D]; default: all with Han"
    )


class DecontaminationSpec(Spec):
    """A document is contaminated where it holds `min_share` of an item.

    Measured on 21,326 documents of mixed Chinese (150 MB) against C-Eval, CMMLU and CMRC: docs/decisions/0010-leaks-and-sources.md.
    """

    sets: tuple[EvaluationSetSpec, ...] = Field(default=(), description="evaluation sets to keep out")
    action: Literal["drop", "report"] = Field(default="drop", description="drop contaminated documents, or only report them")
    ngram: int = Field(default=13, ge=5, le=50, description="characters (letters and digits) in a row that are compared")
    min_share: float = Field(default=0.6, gt=0, le=1, description="share of an item's n-grams from which it counts as held")
    common_items: int = Field(
        default=8, ge=1, description="an n-gram that more items hold is a phrase of the exam and not counted"
    )
    least_ngrams: int = Field(default=8, ge=1, description="an item with fewer n-grams of its own is too short to look for")
