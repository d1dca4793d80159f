"""The recipe's keys for reading: where from, and how much at once."""

from typing import Literal

from pydantic import Field

from cluster.config import Spec
from workloads.corpus.reading.piece import Limits

FormatName = Literal[
    "auto", "jsonl", "json", "csv", "tsv", "txt", "markdown", "parquet", "arrow", "html", "warc", "docx", "pdf", "epub", "urls"
]


class InputSpec(Spec):
    """One place to read from."""

    path: str = Field(
        min_length=1,
        description="file, folder, glob or http(s) address; local, s3://, gs:// or hdfs://; relative to the recipe",
    )
    source: str = Field(
        default="",
        description="name of the source; default: the record's own, else the file's name (documents: their folder's)",
    )
    text_field: str = Field(default="text", min_length=1, description="field or column that holds the text")
    source_field: str = Field(default="source", description="field or column that holds the record's source")
    date_field: str = Field(default="date", description="field or column that holds the record's date, for `keep: newest`")
    score_field: str = Field(default="score", description="... and its quality, for `keep: best_quality`")
    format: FormatName = Field(default="auto", description="auto: by the file's name; urls: a list of addresses, one a line")
    txt_documents: Literal["file", "blank_lines"] = Field(
        default="file", description="txt: the whole file is one document, or blank lines divide documents"
    )


class ReadingSpec(Spec):
    """Sizes in bytes. What is larger is set aside as a bad record; it never fills the memory."""

    max_line_bytes: int = Field(default=64 << 20, ge=1 << 10, description="the longest line, record, page or text document")
    max_document_bytes: int = Field(
        default=512 << 20, ge=1 << 10, description="the largest file that must be read whole: pdf, docx, epub, packed parquet"
    )
    max_member_bytes: int = Field(
        default=4 << 30, ge=1 << 10, description="where a member of an archive is given up, counted unpacked"
    )

    def limits(self) -> Limits:
        return Limits(self.max_line_bytes, self.max_document_bytes, self.max_member_bytes)
