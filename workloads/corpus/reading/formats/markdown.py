"""Markdown: a file is a document, without what only a program reads: front matter, comments, addresses of links, images."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.text_lines import decode_whole

_FRONT_MATTER = re.compile(r"\A\ufeff?(---|\+\+\+)[ \t]*\r?\n.*?\n\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FENCE = re.compile(r"(^[ \t]*(?:```|~~~).*?^[ \t]*(?:```|~~~)[ \t]*\r?$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\](?:\((?:[^()\n]|\([^()\n]*\))*\)|\[[^\]\n]*\])")
_DEFINITION = re.compile(r"^[ \t]{0,3}\[[^\]\n]+\]:[ \t]+\S+.*\r?\n?", re.MULTILINE)
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>")
_ANCHOR = re.compile(r"[ \t]*\{#[^}\n]*\}[ \t]*(?=\r?$)", re.MULTILINE)


class Markdown(Format):
    """Position 1. Headings, lists, tables and code stay as written; the words of a link stay, its address goes."""

    name, endings = "markdown", ("md", "markdown")
    one_document: ClassVar[bool] = True

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        record = decode_whole(source, piece, limits)
        if record is not None:
            yield record if record.problem else replace(record, text=strip_markup(record.text))


def strip_markup(text: str) -> str:
    """The text of Markdown source; code, in fences or between back ticks, is left alone."""
    parts = _FENCE.split(_FRONT_MATTER.sub("", text, count=1))
    return "".join(part if index % 2 else _strip(part) for index, part in enumerate(parts))


def _strip(text: str) -> str:
    text = _COMMENT.sub("", text)
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _DEFINITION.sub("", text)
    text = _TAG.sub("", text)
    return _ANCHOR.sub("", text)
