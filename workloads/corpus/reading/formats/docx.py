"""Word documents (.docx): the running text with tables and notes, without what was deleted, headers and footers."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import ClassVar

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.main_text import CELLS
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.zip_document import ZipDocument

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # says the same as its choice once more
_MAIN, _NOTES = "word/document.xml", ("word/footnotes.xml", "word/endnotes.xml")
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class Docx(Format):
    """Position 1; a paragraph or table row is a line."""

    name, endings = "docx", ("docx",)
    one_document: ClassVar[bool] = True

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        try:
            with ZipDocument(source.seekable(limits.document), limits.document) as document:
                lines = list(_lines(ET.fromstring(document.read(_MAIN))))
                for part in _NOTES:
                    if part in document.names:
                        lines += _lines(ET.fromstring(document.read(part)))
        except ET.ParseError as error:
            raise BadData("unreadable docx", str(error)) from error
        text = "\n".join(lines).strip()
        yield Record(1, text) if text else Record(1, piece.file.name, problem="no text")


def _lines(node: ET.Element) -> Iterator[str]:
    """Paragraphs and table rows in the order in which they stand."""
    for child in node:
        kind = _kind(child)
        if kind == "p":
            yield _paragraph(child)
        elif kind == "tr":
            cells = [" ".join(filter(None, _lines(cell))) for cell in child if _kind(cell) == "tc"]
            yield CELLS.join(cells)
        elif child.tag != _FALLBACK:
            yield from _lines(child)


def _paragraph(node: ET.Element) -> str:
    return "".join(_words(node))


def _words(node: ET.Element) -> Iterator[str]:
    for child in node:
        kind = _kind(child)
        if kind == "t":
            yield child.text or ""
        elif kind in _SIGNS:
            yield _SIGNS[kind]
        elif kind not in ("pPr", "rPr", "del", "instrText") and child.tag != _FALLBACK:
            if kind == "p":  # of a text box
                yield "\n"
            yield from _words(child)


def _kind(node: ET.Element) -> str:
    for space in (_WORD, _STRICT):
        if node.tag.startswith(space):
            return node.tag[len(space) :]
    return ""
