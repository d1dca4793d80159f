"""PDF: the text layer, page by page, put together to running text. Not for pages that are pictures."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise, takewhile
from typing import Any, ClassVar

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record
from workloads.corpus.reading.source import Source
from workloads.text.script import HAN

_PAGE_NUMBER = re.compile(r"^[\s\-–—·.第页共/／0-9]*[0-9][\s\-–—·.第页共/／0-9]*$")
_DIGITS = re.compile(r"\d+")
_RECURS = 3  # pages on which a first or last line that stands on half of them is a header or footer
_MARGIN = 2  # lines
_OPEN = re.compile(rf"[{HAN}，、；：“（《]$")  # a line that ends so goes on in the next one ...
_GOES_ON = re.compile(rf"^[{HAN}，。、；：？！”）》]")  # ... if that begins so
_FULL = 0.85  # of the page's longest lines; a shorter line ends its paragraph
_END, _END_WITHIN = b"%%EOF", 4096  # bytes from the end
_PASSWORD = 4  # FPDF_ERR_PASSWORD


class Pdf(Format):
    """Position 1. Page numbers, and lines that head or foot most pages, are left out; lines broken for the page are joined."""

    name, endings = "pdf", ("pdf",)
    one_document: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = ("pypdfium2",)

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        data = source.seekable(limits.document).read()
        if _END not in data[-_END_WITHIN:]:  # the library would read what is there and not tell
            raise BadData("unreadable pdf", "the file ends before its end mark")
        pages = list(_pages(data, limits))
        text = run_on(pages)
        yield Record(1, text) if text else Record(1, piece.file.name, problem="no text layer")


def _pages(data: bytes, limits: Limits) -> Iterator[list[str]]:
    import pypdfium2

    try:
        document: Any = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) == _PASSWORD
        raise BadData("encrypted" if locked else "unreadable pdf", str(error)) from error
    try:
        left = limits.document
        for index in range(len(document)):
            lines = _page_lines(document, index)
            left -= sum(map(len, lines))
            if left < 0:
                raise BadData("too large", f"more than {limits.document} characters")
            yield lines
    except pypdfium2.PdfiumError as error:
        raise BadData("unreadable pdf", str(error)) from error
    finally:
        document.close()


def _page_lines(document: Any, index: int) -> list[str]:
    page = document[index]
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_bounded()
    finally:
        text_page.close()
        page.close()
    return [line.strip() for line in str(text).replace("\r", "\n").split("\n") if line.strip()]


def run_on(pages: Sequence[Sequence[str]]) -> str:
    """Pages of lines as one text."""
    margins = Counter(chain.from_iterable({_shape(line) for line in (*page[:1], *page[-1:])} for page in pages))
    side = {shape for shape, count in margins.items() if count >= max(_RECURS, len(pages) / 2)}
    lines: list[str] = []
    for page in pages:
        begin = _side_lines(page[:_MARGIN], side)
        end = _side_lines(page[begin:][: -_MARGIN - 1 : -1], side)
        lines += page[begin : len(page) - end]
    return _join(lines)


def _side_lines(margin: Sequence[str], side: set[str]) -> int:
    """How many lines, from the page's edge on, are a header, a footer or a page number."""
    return sum(1 for _ in takewhile(lambda line: _shape(line) in side or bool(_PAGE_NUMBER.match(line)), margin))


def _shape(line: str) -> str:
    return _DIGITS.sub("0", line)


def _join(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    width = sorted(map(len, lines))[int(0.9 * (len(lines) - 1))]
    joined = [lines[0]]
    for before, line in pairwise(lines):
        if len(before) >= _FULL * width and _OPEN.search(before) and _GOES_ON.match(line):
            joined[-1] += line
        else:
            joined.append(line)
    return "\n".join(joined)
