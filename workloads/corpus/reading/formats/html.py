"""Web pages: the main text, without navigation, advertisements and what else stands around it."""

from collections.abc import Iterator
from typing import ClassVar

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.main_text import REQUIRED, decode_page, main_text
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record
from workloads.corpus.reading.source import Source


class Html(Format):
    """Position 1."""

    name, endings = "html", ("html", "htm", "xhtml")
    one_document: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = REQUIRED

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        data = source.whole(limits.line)
        if data:
            text = main_text(decode_page(data))
            yield Record(1, text) if text else Record(1, piece.file.name, problem="no main text")
