"""Files of every format, made here, and a reader of all that lies below a folder."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workloads.corpus.reading.files import find_files
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.read import read_piece
from workloads.corpus.reading.spec import InputSpec

Rows = tuple[list[dict[str, Any]], list[tuple[str, int, str]]]
Make = Callable[[Sequence[str]], bytes]

SMALL = Limits(1 << 20, 8 << 20, 8 << 20)
TEXTS = (
    "立春过后，木匠陈师傅打开铺子，把门前的雪扫得干干净净，又在炉子里添了一把柴。",
    "王婶端来一碗豆浆，说要打一对樟木箱子，留给女儿出嫁的时候用。",
    "他说：“料不能将就，日子也不能将就。”说完就低头刨起木头来，一直刨到天黑。",
)


@pytest.fixture
def read() -> Callable[..., Rows]:
    """(documents, bad records as file, position, reason) of everything below a path."""

    def read(path: Path | str, limits: Limits = SMALL, **options: Any) -> Rows:
        rows: list[dict[str, Any]] = []
        for index, file in enumerate(find_files(((InputSpec(path="x", **options), str(path)),)).files):
            for table in read_piece(Piece(file, index), limits):
                rows += table.to_pylist()
        assert len({row["row"] for row in rows}) == len(rows)  # what names a record is its own
        good = [row for row in rows if not row["problem"]]
        return good, [(row["file"], row["position"], row["problem"]) for row in rows if row["problem"]]

    return read


def jsonl(texts: Sequence[str]) -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()


def json_array(texts: Sequence[str]) -> bytes:
    return json.dumps([{"text": text} for text in texts], ensure_ascii=False, indent=1).encode()


def delimited(divider: str) -> Make:
    def make(texts: Sequence[str]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=divider).writerows(
            [["id", "text"], *([str(number), text] for number, text in enumerate(texts))]
        )
        return out.getvalue().encode()

    return make


def txt(texts: Sequence[str]) -> bytes:
    return "\n".join(texts).encode()


def parquet(texts: Sequence[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), out, row_group_size=2)
    return out.getvalue()


def arrow_file(texts: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, pa.schema([pa.field("text", pa.string())])) as writer:
        for text in texts:
            writer.write_batch(pa.record_batch({"text": [text]}))
    return out.getvalue()


def arrow_stream(texts: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, pa.schema([pa.field("text", pa.string())])) as writer:
        for text in texts:
            writer.write_batch(pa.record_batch({"text": [text]}))
    return out.getvalue()


def html(texts: Sequence[str]) -> bytes:
    paragraphs = "".join(f"<p>{text}</p>" for text in texts)
    menu = "<div class='nav'><ul><li><a href='/'>首页</a></li><li><a href='/a'>频道</a></li></ul></div>"
    return (
        f"<html><head><meta charset='utf-8'></head><body>{menu}<div class='article'>{paragraphs}</div></body></html>".encode()
    )


def warc_record(kind: str, body: bytes, address: str = "http://village.example/a") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


def answer(body: bytes, *fields: str, kind: str = "text/html; charset=utf-8") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", *fields, "", ""]).encode() + body


def warc(texts: Sequence[str]) -> bytes:
    """One page each, after the record that says who made the file."""
    pages = [warc_record("response", answer(html([text] * 3))) for text in texts]
    return b"".join([warc_record("warcinfo", b"software: hand"), *pages])


def zipped(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(texts: Sequence[str]) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{text[:7]}</w:t></w:r><w:r><w:t>{text[7:]}</w:t></w:r></w:p>" for text in texts)
    return zipped({"word/document.xml": f"<w:document xmlns:w='{_W}'><w:body>{body}</w:body></w:document>"})


def epub(texts: Sequence[str]) -> bytes:
    names = [f"{number}.xhtml" for number in range(len(texts))]
    items = "".join(f"<item id='i{name}' href='text/{name}' media-type='application/xhtml+xml'/>" for name in reversed(names))
    spine = "".join(f"<itemref idref='i{name}'/>" for name in names)
    package = f"<package xmlns='http://www.idpf.org/2007/opf'><manifest>{items}</manifest><spine>{spine}</spine></package>"
    container = "<container><rootfiles><rootfile full-path='OEBPS/content.opf'/></rootfiles></container>"
    pages = {f"OEBPS/text/{name}": f"<html><body><p>{text}</p></body></html>" for name, text in zip(names, texts, strict=True)}
    return zipped({"META-INF/container.xml": container, "OEBPS/content.opf": package, **pages})


def pdf(texts: Sequence[str], encrypt: str = "", per_page: int = 100) -> bytes:
    """A text layer through a font without glyphs, whose map to Unicode is the identity."""
    pages = [texts[at : at + per_page] for at in range(0, len(texts), per_page)]
    cmap = "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange "
    rows = [f"<{high:02x}00> <{high:02x}ff> <{high:02x}00>" for high in range(256)]
    for at in range(0, 256, 100):
        cmap += f"{len(rows[at : at + 100])} beginbfrange {' '.join(rows[at : at + 100])} endbfrange "
    cmap += "endcmap end"
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{10 + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        3: "<< /Type /Font /Subtype /Type0 /BaseFont /Own /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        4: "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Own /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
        "/Supplement 0 >> /FontDescriptor 6 0 R /DW 1000 >>",
        5: f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream",
        6: "<< /Type /FontDescriptor /FontName /Own /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent 0 "
        "/CapHeight 800 /StemV 80 >>",
    }
    for number, lines in enumerate(pages):
        shown = " ".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -20 Td" for line in lines)
        content = f"BT /F1 12 Tf 40 780 Td {shown} ET"
        objects[10 + 2 * number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 2000 842] /Contents {11 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects[11 + 2 * number] = f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
    out = "%PDF-1.7\n"
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out)
    out += f"xref\n0 1\n0000000000 65535 f \n{''.join(f'{number} 1{chr(10)}{place:010d} 00000 n {chr(10)}' for number, place in places.items())}"
    out += f"trailer\n<< /Size 1000 /Root 1 0 R {encrypt} >>\nstartxref\n{start}\n%%EOF\n"
    return out.encode()


MAKERS: dict[str, Make] = {
    "jsonl": jsonl,
    "json": json_array,
    "csv": delimited(","),
    "tsv": delimited("\t"),
    "txt": txt,
    "md": txt,
    "parquet": parquet,
    "arrow": arrow_file,
    "arrows": arrow_stream,
    "html": html,
    "warc": warc,
    "docx": docx,
    "pdf": pdf,
    "epub": epub,
}
"""By the ending of the file's name."""


@pytest.fixture(params=list(MAKERS))
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def makers() -> dict[str, Make]:
    return MAKERS


@pytest.fixture
def made(ending: str) -> bytes:
    """A file of that ending that holds TEXTS."""
    return MAKERS[ending](TEXTS)


@pytest.fixture
def texts() -> tuple[str, ...]:
    return TEXTS
