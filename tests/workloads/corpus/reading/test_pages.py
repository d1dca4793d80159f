"""Web pages, web archives and Markdown: main text out, everything else counted or left."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workloads.corpus.reading.formats.markdown import strip_markup
from workloads.corpus.reading.main_text import decode_page, main_text, whole_text

Read = Callable[..., Any]

MENU = "<div id='nav'><ul>" + "".join(f"<li><a href='/{n}'>频道{n}</a></li>" for n in range(9)) + "</ul></div>"
FOOT = "<div class='foot'><a href='/about'>关于我们</a> | <a href='/ad'>广告服务</a> 京ICP备12345678号</div>"


def page(texts: tuple[str, ...], charset: str = "utf-8") -> str:
    body = "".join(f"<p>{text}</p>" for text in texts * 3)
    return f"<html><head><meta charset='{charset}'><title>x</title></head><body>{MENU}<div class='content'>{body}</div>{FOOT}</body></html>"


def traditional(html: str) -> str:
    """With nothing that Big5 or Shift JIS has no sign for."""
    for simple, old in (("频", "頻"), ("关于我们", "關於"), ("广告服务", "廣告"), ("号", "號"), ("备", "備")):
        html = html.replace(simple, old)
    return html


def test_menus_and_footers_go(texts: tuple[str, ...]) -> None:
    text = main_text(page(texts))
    assert [text.count(each) for each in texts] == [3, 3, 3]
    assert not any(side in text for side in ("频道", "关于我们", "ICP"))


@pytest.mark.parametrize(
    "broken", ["", "   ", "<", "<html>", "<!DOCTYPE html>", "\0\0", "<div>" * 5000, "]]>", "<?xml?>", "&#xD800;"]
)
def test_pages_without_text(broken: str) -> None:
    assert main_text(broken).strip("<]>?�") == ""


def test_the_shape_of_the_whole_text() -> None:
    html = "<body>甲<br>乙 <b>丙</b>\n丁<table><tr><td>一</td><td>二</td></tr></table><pre>a\n  b</pre><script>x</script><!-- y -->尾"
    assert whole_text(html) == "甲\n乙 丙 丁\n一 | 二\na\nb\n尾"


@pytest.mark.parametrize(
    ("declared", "real"),
    [
        ("gb2312", "gb18030"),
        ("gbk", "gb18030"),
        ("utf-8", "gb18030"),
        ("big5", "big5hkscs"),
        ("gb2312", "utf-8"),
        ("x", "utf-8"),
    ],
)
def test_the_declared_encoding_may_be_wrong(declared: str, real: str) -> None:
    text = traditional(page(("國破山河在，城春草木深。",), declared))
    assert decode_page(text.encode(real)) == text


def test_an_encoding_that_only_the_page_or_its_server_knows() -> None:
    text = traditional(page(("山路を登りながら、こう考えた。",), "shift_jis"))
    assert decode_page(text.encode("shift_jis")) == text
    assert decode_page("Здравствуй, мир".encode("windows-1251"), "windows-1251") == "Здравствуй, мир"
    assert decode_page(b"abc", "rot13") == "abc"


def record(kind: str, body: bytes, address: str = "http://village.example/a", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nContent-Length: {size}\r\n\r\n".encode()
        + body
        + b"\r\n\r\n"
    )


def answer(body: bytes, *fields: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *fields, "", ""]).encode() + body


def test_answers_of_every_kind(texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    html = page(texts).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (html[:100], html[100:])) + b"0\r\n\r\n"
    bodies = [
        record("warcinfo", b"x"),
        record("request", b"GET / HTTP/1.1\r\n\r\n"),
        record("response", answer(html)),
        record("response", answer(gzip.compress(html), "Content-Encoding: gzip")),
        record("response", answer(zlib.compress(html), "Content-Encoding: deflate")),
        record("response", answer(chunks, "Transfer-Encoding: chunked")),
        record("response", answer(html, "Transfer-Encoding: chunked", "Content-Encoding: gzip")),  # both undone by the crawler
        record(
            "response",
            answer(page(texts, "gb2312").encode("gb18030"), kind="text/html; charset=gb2312"),
            "https://镇.example:8/b",
        ),
        record("response", answer(html, status="404 Not Found")),
        record("response", answer(b"\x89PNG", kind="image/png")),
        record("response", answer(html, "Content-Encoding: br")),
        record("response", b"no answer"),
        record("response", answer(b"<html></html>")),
        record("conversion", "春天的文本。".encode()),
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, bodies)))
    good, bad = read(tmp_path)
    assert [row["position"] for row in good] == [3, 4, 5, 6, 7, 8, 14]
    assert all(row["text"].count(texts[1]) == 3 for row in good[:-1])
    assert [row["source"] for row in good[4:]] == ["village.example", "镇.example", "village.example"]
    assert [(position, reason) for _, position, reason in bad] == [
        (11, "unknown packing"),
        (12, "damaged record"),
        (13, "no main text"),
        (0, "records passed over"),
    ]


def test_reading_goes_on_after_a_damaged_record(tmp_path: Path, read: Read) -> None:
    good_one = record("conversion", "春天的文本。".encode())
    parts = [
        good_one,
        b"rubbish\r\n\r\n",
        good_one,
        record("conversion", b"abc", length=1),
        good_one,
        b"WARC/1.0\r\nno length\r\n\r\n",
        good_one,
    ]
    (tmp_path / "a.wet").write_bytes(b"".join(parts))
    good, bad = read(tmp_path)
    assert [row["text"] for row in good if row["text"] != "a"] == ["春天的文本。"] * 4
    assert {reason for _, _, reason in bad} == {"damaged record"}
    assert len(bad) == 3


def test_a_page_that_unpacks_to_too_much(tmp_path: Path, read: Read) -> None:
    bomb = gzip.compress(b"x" * (50 << 20))
    (tmp_path / "a.warc").write_bytes(
        record("response", answer(bomb, "Content-Encoding: gzip")) + record("conversion", "春。".encode())
    )
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["春。"]
    assert bad == [("a.warc", 1, "too large")]


def test_markdown() -> None:
    text = "---\ntitle: 题\n---\n# 标题 {#id}\n见[文档](http://a.example/x_(y))和![图](a.png)。<br/>\n<!-- 注 -->- 项\n\n[1]: http://b.example\n"
    code = "```python\nx = a[0](1)  # <b>\n```\n用 `a[0](1)` 调用，1 < 2 且 3 > 2。"
    assert strip_markup(text + code) == "# 标题\n见文档和图。\n- 项\n\n" + code
