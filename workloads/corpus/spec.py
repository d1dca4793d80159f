"""The recipe's `corpus` section: what is read and what is kept."""

from typing import Literal

from pydantic import Field, field_validator

from cluster.config import Spec
from cluster.manifest import Json
from workloads.corpus.rules_spec import RulesSpec

Format = Literal["auto", "jsonl", "parquet", "txt"]


class InputSpec(Spec):
    """One place to read from."""

    path: str = Field(min_length=1, description="file, folder or glob, local or s3://; relative to the recipe")
    source: str = Field(
        default="", description="name of the source; default: the record's own, else the file's name (txt: its folder's)"
    )
    text_field: str = Field(default="text", min_length=1, description="field or column that holds the text")
    source_field: str = Field(default="source", description="field or column that holds the record's source")
    format: Format = Field(default="auto", description="auto (by the file's name), jsonl, parquet or txt")
    txt_documents: Literal["file", "blank_lines"] = Field(
        default="file", description="txt: the whole file is one document, or blank lines divide documents"
    )


class CorpusSpec(Spec):
    """Every dropped document is counted under the name of its rule."""

    inputs: tuple[InputSpec, ...] = Field(
        (InputSpec(path="raw/"),), min_length=1, description="what to read, paths or mappings"
    )
    max_line_bytes: int = Field(
        default=64 << 20, ge=1 << 10, description="a longer line, or txt document, is set aside as a bad record"
    )
    rules: RulesSpec = Field(RulesSpec(), description="what is kept, by thresholds; null switches a rule off")
    remove_boilerplate: bool = Field(default=True, description="take out navigation, copyright and similar lines")
    recurring_share: float = Field(
        default=0.5, gt=0, le=1, description="a short line in this share of a source's documents is boilerplate"
    )
    recurring_documents: int = Field(default=20, ge=2, description="... and in at least this many of them")
    mask_personal_data: bool = Field(default=True, description="mask mobile numbers, e-mail addresses and identity numbers")
    near_duplicates: bool = Field(default=True, description="remove near duplicates beside exact ones")
    near_threshold: float = Field(
        default=0.8, ge=0.5, le=1, description="Jaccard similarity of character 5-grams from which two are one"
    )
    heldout_share: float = Field(
        default=0.02, ge=0, lt=1, description="share of documents held out for evaluation (at least one)"
    )
    split_bytes: int = Field(
        default=64 << 20, ge=1 << 10, description="a larger plain jsonl or parquet file is read by several tasks"
    )

    @field_validator("inputs", mode="before")
    @classmethod
    def _plain_paths(cls, value: object) -> object:
        """A path may stand where a mapping may: `inputs: [raw/]`, and one alone needs no list."""
        items = [value] if isinstance(value, str | dict) else value
        if not isinstance(items, list | tuple):
            return items
        return [{"path": item} if isinstance(item, str) else item for item in items]

    def identity(self) -> dict[str, Json]:
        """What the corpus depends on: all but how the reading is spread."""
        return {key: value for key, value in self.to_json().items() if key != "split_bytes"}
