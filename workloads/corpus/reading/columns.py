"""Text and source of the rows of a table with typed columns."""

from collections.abc import Iterator

import pyarrow as pa

from workloads.corpus.reading.piece import InputFile
from workloads.corpus.reading.record import Record


def unusable(schema: pa.Schema, field: str) -> str:
    """Why a table with this schema gives no text; empty where it does."""
    if field not in schema.names:
        return f"no column {field!r} among {', '.join(schema.names[:20])}"
    kind = schema.field(field).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return "" if text else f"column {field!r} is {kind}, not text"


def rows(batch: pa.RecordBatch, first: int, file: InputFile) -> Iterator[Record]:
    """One record per row, numbered from `first`. Raises ArrowInvalid or ValueError where the bytes are no text."""
    texts = batch.column(file.text_field).cast(pa.large_string()).to_pylist()
    others = (_values(batch, each) for each in wanted(file)[1:])
    for number, (text, source, date, score) in enumerate(zip(texts, *others, strict=True), first):
        problem = "text is no string" if text is None else ""
        yield Record(number, text or "", source if isinstance(source, str) else "", problem, date, score)


def wanted(file: InputFile) -> tuple[str, str, str, str]:
    """The columns that are read where they are there; the text's is."""
    return file.text_field, file.source_field, file.date_field, file.score_field


def _values(batch: pa.RecordBatch, column: str) -> list[object]:
    return list(batch.column(column).to_pylist()) if column in batch.schema.names else [None] * batch.num_rows
