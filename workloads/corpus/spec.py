"""The recipe's `corpus` section: what is read and what is kept."""

from typing import Literal

from pydantic import Field, field_validator

from cluster.config import Spec
from cluster.manifest import Json
from workloads.corpus.dedup.spec import DuplicatesSpec

Format = Literal["auto", "jsonl", "parquet", "txt"]


class InputSpec(Spec):
    """One place to read from."""

    path: str = Field(min_length=1, description="file, folder or glob, local or s3://; relative to the recipe")
    source: str = Field(
        default="", description="name of the source; default: the record's own, else the file's name (txt: its folder's)"
    )
    text_field: str = Field(default="text", min_length=1, description="field or column that holds the text")
    source_field: str = Field(default="source", description="field or column that holds the record's source")
    date_field: str = Field(default="date", description="field or column that holds the record's date, for `keep: newest`")
    score_field: str = Field(default="score", description="... and its quality, for `keep: best_quality`")
    format: Format = Field(default="auto", description="auto (by the file's name), jsonl, parquet or txt")
    txt_documents: Literal["file", "blank_lines"] = Field(
        default="file", description="txt: the whole file is one document, or blank lines divide documents"
    )


class CorpusSpec(Spec):
    """Thresholds are on the cleaned text; every dropped document is counted under the name of its rule."""

    inputs: tuple[InputSpec, ...] = Field(
        (InputSpec(path="raw/"),), min_length=1, description="what to read, paths or mappings"
    )
    max_line_bytes: int = Field(
        default=64 << 20, ge=1 << 10, description="a longer line, or txt document, is set aside as a bad record"
    )
    min_characters: int = Field(default=20, ge=0, description="shorter documents are dropped")
    min_han_share: float = Field(default=0.15, ge=0, le=1, description="least share of Han among the visible characters")
    max_repetition: float = Field(
        default=0.75, ge=0, le=1, description="largest share of character 10-grams that were said before"
    )
    max_mojibake: float = Field(default=0.25, ge=0, le=1, description="largest share of text damaged by a wrong encoding")
    min_variety: float = Field(default=3.0, ge=0, description="least entropy of the characters, in bits")
    min_sentence_marks: float = Field(default=0.002, ge=0, le=1, description="least share of marks that divide clauses")
    remove_boilerplate: bool = Field(default=True, description="take out navigation, copyright and similar lines")
    recurring_share: float = Field(
        default=0.5, gt=0, le=1, description="a short line in this share of a source's documents is boilerplate"
    )
    recurring_documents: int = Field(default=20, ge=2, description="... and in at least this many of them")
    mask_personal_data: bool = Field(default=True, description="mask mobile numbers, e-mail addresses and identity numbers")
    duplicates: DuplicatesSpec = Field(DuplicatesSpec(), description="which documents are copies, and which of them stays")
    heldout_share: float = Field(
        default=0.02, ge=0, lt=1, description="share of documents held out for evaluation (at least one)"
    )
    base: str = Field(
        default="",
        description="a corpus to extend (name of its run, fingerprint or URI): `inputs` are new beside it, and copies of what "
        "it holds are dropped",
    )
    removed: str = Field(
        default="",
        description="a file of document ids, one a line, that are taken down: they leave the corpus once it is built",
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
        """What the corpus depends on: all but how the reading is spread, and what is given by content (base) or is done
        to the corpus when it is there (removed)."""
        return {key: value for key, value in self.to_json().items() if key not in ("split_bytes", "base", "removed")}

    def thresholds(self) -> dict[str, float]:
        """By the names of workloads.text.rules."""
        return {
            "mojibake": self.max_mojibake,
            "length": float(self.min_characters),
            "han_share": self.min_han_share,
            "repetition": self.max_repetition,
            "variety": self.min_variety,
            "sentences": self.min_sentence_marks,
        }
