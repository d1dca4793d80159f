"""Office documents, PDF and books: what a reader of them would read, and every way in which they are locked or broken."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from workloads.corpus.reading.formats.pdf import run_on
from workloads.corpus.reading.piece import Limits

Read = Callable[..., Any]
W = "xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main' xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'"


def zipped(parts: dict[str, str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_docx(tmp_path: Path, read: Read) -> None:
    body = (
        f"<w:p><w:pPr><w:pStyle w:val='1'/></w:pPr>{run('标')}{run('题')}</w:p>"
        f"<w:p>{run('左')}<w:r><w:tab/></w:r>{run('右')}<w:del><w:r><w:delText>删</w:delText></w:r></w:del><w:ins>{run('增')}</w:ins></w:p>"
        f"<w:tbl><w:tr><w:tc><w:p>{run('一')}</w:p></w:tc><w:tc><w:p>{run('二')}</w:p></w:tc></w:tr></w:tbl>"
        f"<w:p><mc:AlternateContent><mc:Choice>{run('框')}</mc:Choice><mc:Fallback>{run('框')}</mc:Fallback></mc:AlternateContent></w:p>"
        f"<w:sdt><w:sdtContent><w:p><w:hyperlink>{run('链接')}</w:hyperlink></w:p></w:sdtContent></w:sdt>"
    )
    notes = f"<w:footnotes {W}><w:footnote><w:p>{run('注')}</w:p></w:footnote></w:footnotes>"
    parts = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>", "word/footnotes.xml": notes}
    (tmp_path / "a.docx").write_bytes(zipped(parts))
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["标题\n左右增\n一 | 二\n框\n链接\n注"]
    assert bad == []


def test_documents_that_cannot_be_read(tmp_path: Path, read: Read) -> None:
    bomb = f"<w:document {W}><w:body><w:p>{run('x' * (20 << 20))}</w:p></w:body></w:document>"
    entities = (
        "<!DOCTYPE d [<!ENTITY a 'xxxxxxxxxx'>"
        + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
        + f"]><w:document {W}><w:body><w:p>{run('&j;')}</w:p></w:body></w:document>"
    )
    files = {
        "bomb.docx": zipped({"word/document.xml": bomb}),
        "encrypted.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "entities.docx": zipped({"word/document.xml": entities}),
        "none.docx": zipped({"word/other.xml": "<a/>"}),
        "nothing.docx": zipped({"word/document.xml": f"<w:document {W}><w:body/></w:document>"}),
        "xml.docx": zipped({"word/document.xml": "<a>"}),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    good, bad = read(tmp_path, Limits(1 << 20, 4 << 20, 4 << 20))
    assert good == []
    assert bad == [
        ("bomb.docx", 1, "too large"),
        ("encrypted.docx", 1, "encrypted"),
        ("entities.docx", 1, "unreadable docx"),
        ("none.docx", 1, "unreadable document"),
        ("nothing.docx", 1, "no text"),
        ("xml.docx", 1, "unreadable docx"),
    ]


def test_locked_books_and_chapters_in_order(makers: dict[str, Any], tmp_path: Path, read: Read) -> None:
    data = makers["epub"](["第一章。", "第二章。", "第三章。"])
    (tmp_path / "a.epub").write_bytes(data)
    locked = BytesIO(data)
    with zipfile.ZipFile(locked, "a") as archive:
        archive.writestr("META-INF/encryption.xml", "<encryption><EncryptionMethod Algorithm='aes'/></encryption>")
    (tmp_path / "b.epub").write_bytes(locked.getvalue())
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["第一章。\n\n第二章。\n\n第三章。"]
    assert bad == [("b.epub", 1, "encrypted")]


LOCK = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >> /ID [<00> <00>]"


def test_pdf_over_pages_locked_and_without_text(makers: dict[str, Any], tmp_path: Path, read: Read) -> None:
    lines = [f"{number}，立春那天下了雪。" for number in "甲乙丙丁戊己庚"]
    (tmp_path / "a.pdf").write_bytes(makers["pdf"](lines, per_page=3))
    (tmp_path / "locked.pdf").write_bytes(makers["pdf"](lines, encrypt=LOCK))
    (tmp_path / "pictures.pdf").write_bytes(makers["pdf"]([""]))
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["\n".join(lines)]
    assert bad == [("locked.pdf", 1, "encrypted"), ("pictures.pdf", 1, "no text layer")]


def test_pages_of_a_pdf_become_running_text() -> None:
    first = [
        "木作手册",
        "立春那天，城南的老木匠陈师傅照例起了个大早，把铺子门",
        "前的雪扫得干干净净。",
        "第一章",
        "他的徒弟小满蹲在炉边烤手，一边烤一边问：今年第一件",
        "- 1 -",
    ]
    second = ["木作手册", "活儿做什么？", "陈师傅没有答话。", "- 2 -"]
    third = ["木作手册", "完。", "第 3 页"]
    assert run_on([first, second, third]) == "\n".join(
        [
            "立春那天，城南的老木匠陈师傅照例起了个大早，把铺子门前的雪扫得干干净净。",
            "第一章",
            "他的徒弟小满蹲在炉边烤手，一边烤一边问：今年第一件活儿做什么？",
            "陈师傅没有答话。",
            "完。",
        ]
    )
    assert run_on([]) == ""
