"""The text of a web page: its main text, or all of it, as lines. Main text is told by readability-lxml, which kept most of it and
least else in a comparison (docs/decisions, benchmarks/web_text.py)."""

import codecs
import logging
import re
from collections.abc import Iterator
from typing import Any

from workloads.corpus.reading import encoding

REQUIRED = ("readability", "lxml")

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_DECLARED_WITHIN = 4096  # bytes
_MEANT = {"gb2312": encoding.GB18030, "gbk": encoding.GB18030, "gb_2312-80": encoding.GB18030, "big5": encoding.BIG5}
_MUCH_REPLACED = 0.02  # of the characters: then the page is not what it declares
_LINES = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
CELLS = " | "  # between the cells of a table's row; a tab would go with the other white space between Han
_UNSEEN = frozenset(
    [
        "applet",
        "audio",
        "canvas",
        "embed",
        "head",
        "iframe",
        "input",
        "noscript",
        "object",
        "script",
        "select",
        "style",
        "svg",
        "template",
        "textarea",
        "video",
    ]
)


def decode_page(data: bytes, charset: str = "") -> str:
    """The page as text. UTF-8 where its bytes are that; else what HTTP (`charset`) or the page declares, where that reads
    well; else what the bytes look like. What cannot be decoded becomes U+FFFD, which the rule on damage counts."""
    found = encoding.detect(data[: encoding.SAMPLE])
    if found != encoding.UTF8 or not _sound(data, found):
        declared = _DECLARED.search(data[:_DECLARED_WITHIN])
        for name in (charset, declared[1].decode("ascii") if declared else ""):
            known = _MEANT.get(name.lower(), name)
            if known and _sound(data, known):
                return data.decode(known, "replace").removeprefix("\ufeff")
    return data.decode(found, "replace").removeprefix("\ufeff")


def _sound(data: bytes, name: str) -> bool:
    """Whether hardly anything is lost in this encoding; not where Python does not know it."""
    try:
        text = codecs.getincrementaldecoder(name)("replace").decode(data[: encoding.SAMPLE])
    except (LookupError, UnicodeError, TypeError):
        return False
    return isinstance(text, str) and text.count("\ufffd") <= _MUCH_REPLACED * len(text)


def main_text(page: str) -> str:
    """The article, story or entry of the page; empty where it has none."""
    from lxml.etree import LxmlError
    from readability import Document
    from readability.readability import Unparseable

    logging.getLogger(Unparseable.__module__).setLevel(logging.CRITICAL)  # a page that fails is a record here, no traceback
    try:
        return whole_text(Document(_CONTROL.sub("", page)).summary(html_partial=True))
    except (LxmlError, Unparseable, ValueError, TypeError, AttributeError, KeyError):  # its ways to say that it found nothing
        return ""


def whole_text(page: str) -> str:
    """Every line that the page shows; a table's row is a line."""
    from lxml.etree import LxmlError
    from lxml.html import HTMLParser, document_fromstring

    try:
        parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
        tree = document_fromstring(_CONTROL.sub("", page).encode("utf-8", "replace"), parser=parser)
    except (LxmlError, ValueError):  # a page without any element
        return ""
    lines = [line.strip(" ") for line in "".join(_words(tree)).split("\n")]
    return "\n".join(line.strip() for line in lines if line.strip())


def _words(tree: Any) -> Iterator[str]:
    """The text between the tags, with newlines where lines begin and end."""
    from lxml.etree import iterwalk

    walk = iterwalk(tree, events=("start", "end"))
    kept = 0  # depth in <pre>, where spaces and newlines are text
    for event, node in walk:
        name = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            if name in _UNSEEN:
                walk.skip_subtree()
                continue
            kept += name == "pre"
            yield "\n" if name in _LINES else ""
            yield _shown(node.text, kept)
            continue
        kept -= name == "pre"
        if name in _LINES and name != "br":
            yield "\n"
        elif name in ("td", "th") and node.getnext() is not None:
            yield CELLS
        yield _shown(node.tail, kept)


def _shown(text: str | None, kept: int) -> str:
    return "" if not text else text if kept else _SPACE.sub(" ", text)
