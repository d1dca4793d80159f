"""The recipe's `corpus.duplicates`: which documents count as copies of one another, and which of them stays."""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from cluster.config import Spec
from cluster.manifest import Json
from workloads.corpus.semantic.spec import SemanticSpec

Keep = Literal["longest", "newest", "best_quality", "preferred_source"]


class DuplicatesSpec(Spec):
    """Copies are compared folded: script, width, case, punctuation and space do not tell two documents apart."""

    near: bool = Field(default=True, description="remove near duplicates beside exact ones")
    threshold: float = Field(
        default=0.8, ge=0.5, le=1, description="Jaccard similarity of character 5-grams from which two are one"
    )
    bands: int = Field(default=20, ge=1, le=128, description="bands of the MinHash signature: more find more, and cost more")
    rows: int = Field(default=5, ge=1, le=32, description="numbers in a band: fewer find less similar ones too, and cost more")
    keep: Keep = Field(
        default="longest",
        description="which copy stays: longest, newest (date_field), best_quality (score_field), preferred_source (sources)",
    )
    sources: tuple[str, ...] = Field(default=(), description="preferred_source: names of sources, the best one first")
    paragraph_characters: int = Field(
        default=0,
        ge=0,
        description="a paragraph this long that an earlier document has too is cut from the later one; 0: none is",
    )
    passages: Literal["off", "report", "cut"] = Field(
        default="off", description="long passages that two documents share: left alone, counted, or cut from the later one"
    )
    passage_characters: int = Field(default=200, ge=50, description="least length of such a passage")
    split_threshold: float = Field(
        default=0.5, ge=0.3, le=1, description="documents at least this similar are all held out, or none of them"
    )

    semantic: SemanticSpec | None = Field(
        default=None, description="also remove documents that say the same in other words, by an encoder of the user's"
    )

    @model_validator(mode="after")
    def _sources_belong_to_their_policy(self) -> Self:
        if (self.keep == "preferred_source") != bool(self.sources):
            raise ValueError("`keep: preferred_source` and `sources` go together: give both or neither")
        return self

    def with_paths(self, resolve: Callable[[str], str]) -> "DuplicatesSpec":
        """For a recipe that travels to another folder: an encoder's path resolved."""
        if self.semantic is None or not self.semantic.is_folder:
            return self
        moved = self.semantic.model_copy(update={"model": resolve(self.semantic.model)})
        return self.model_copy(update={"semantic": moved})

    def identity(self) -> dict[str, Json]:
        """As if an encoder had no place: what it is, is told by its hash."""
        if self.semantic is None:
            return self.to_json()
        return self.model_copy(update={"semantic": self.semantic.model_copy(update={"model": "by content"})}).to_json()
