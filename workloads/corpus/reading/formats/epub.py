"""Books (.epub): their chapters in reading order, one document."""

import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import unquote

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.main_text import REQUIRED, decode_page, whole_text
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.zip_document import ZipDocument

_CONTAINER, _RIGHTS = "META-INF/container.xml", "META-INF/encryption.xml"
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # only fonts are hidden by these


class Epub(Format):
    """Position 1. Pages that are the table of contents are left out."""

    name, endings = "epub", ("epub",)
    one_document: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = REQUIRED

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        try:
            with ZipDocument(source.seekable(limits.document), limits.document) as book:
                if _is_locked(book):
                    raise BadData("encrypted", "the book is protected")
                pages = [whole_text(decode_page(book.read(name))) for name in _chapters(book)]
        except ET.ParseError as error:
            raise BadData("unreadable epub", str(error)) from error
        text = "\n\n".join(page for page in pages if page)
        yield Record(1, text) if text else Record(1, piece.file.name, problem="no text")


def _is_locked(book: ZipDocument) -> bool:
    if _RIGHTS not in book.names:
        return False
    methods = [
        node.get("Algorithm", "") for node in ET.fromstring(book.read(_RIGHTS)).iter() if _kind(node) == "EncryptionMethod"
    ]
    return any(method not in _FONTS for method in methods)


def _chapters(book: ZipDocument) -> Iterator[str]:
    """The names of the pages in reading order."""
    root = next((node for node in ET.fromstring(book.read(_CONTAINER)).iter() if _kind(node) == "rootfile"), None)
    if root is None:
        raise BadData("unreadable epub", f"{_CONTAINER} names no content")
    package_name = root.get("full-path", "")
    package = ET.fromstring(book.read(package_name))
    items = {node.get("id", ""): node for node in package.iter() if _kind(node) == "item"}
    for node in package.iter():
        item = items.get(node.get("idref", "")) if _kind(node) == "itemref" else None
        if item is None or "nav" in item.get("properties", "").split() or "html" not in item.get("media-type", ""):
            continue
        name = posixpath.normpath(posixpath.join(posixpath.dirname(package_name), unquote(item.get("href", ""))))
        if name in book.names:
            yield name


def _kind(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]
