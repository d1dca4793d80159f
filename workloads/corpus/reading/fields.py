"""Text and source of one record that has fields."""

from collections.abc import Mapping

from workloads.corpus.reading.piece import InputFile
from workloads.corpus.reading.record import SAMPLE_CHARACTERS, Record

NO_FIELD, NO_STRING = "no text field", "text is no string"


def pick(number: int, value: object, file: InputFile) -> Record:
    """The record of a parsed value; a bad one with the value's beginning where it has no text."""
    if not isinstance(value, Mapping) or file.text_field not in value:
        return Record(number, str(value)[:SAMPLE_CHARACTERS], problem=NO_FIELD)
    text, source = value[file.text_field], value.get(file.source_field)
    if not isinstance(text, str):
        return Record(number, str(value)[:SAMPLE_CHARACTERS], problem=NO_STRING)
    date, score = value.get(file.date_field), value.get(file.score_field)
    return Record(number, text, source if isinstance(source, str) else "", date=date, score=score)
