"""The recipe's `corpus.personal_data` and `corpus.lexicon`: what is looked for in documents that the rules keep, and then done."""

from typing import Literal

from pydantic import Field, field_validator

from cluster.config import Spec
from workloads.text.personal.registry import DEFAULT_KINDS, KIND_NAMES


class PersonalDataSpec(Spec):
    """Personal data of persons and firms (workloads/text/personal)."""

    mode: Literal["mask", "drop", "tag", "off"] = Field(
        default="mask", description="mask: <手机号> in its place; drop the document; tag: count it and leave the text; off"
    )
    kinds: tuple[str, ...] = Field(default=DEFAULT_KINDS, min_length=1, description=f"of {', '.join(KIND_NAMES)}")
    audit_samples: int = Field(default=8, ge=0, le=100, description="items of each kind that the report shows, starred out")

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in KIND_NAMES]
        if unknown:
            raise ValueError(f"no kind {unknown[0]!r}; allowed are {', '.join(KIND_NAMES)}")
        return tuple(name for name in KIND_NAMES if name in value)


class LexiconSpec(Spec):
    """The user's own word list; without files nothing is looked for."""

    files: tuple[str, ...] = Field(
        default=(), description="UTF-8 files of lines `word` or `word,category`; relative to the recipe, or URIs"
    )
    exceptions: tuple[str, ...] = Field(default=(), description="files of words in which a hit does not count")
    context: int = Field(default=30, ge=0, le=1000, description="characters on either side of a hit in lexicon_hits")
    action: Literal["tag", "drop"] = Field(default="tag", description="count hits, or drop documents that have too many")
    max_hits: int = Field(default=0, ge=0, description="drop: documents with more hits than this")
    drop_categories: tuple[str, ...] = Field(default=(), description="drop: only hits of these categories count; empty: all")
