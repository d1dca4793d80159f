"""Which library takes the main text out of Chinese web pages best: share of it kept, what else is left, and speed.

    python -m venv peers && peers/bin/pip install trafilatura resiliparse justext readability-lxml selectolax lxml lxml_html_clean
    peers/bin/python benchmarks/web_text.py corpus/web_noisy.jsonl.gz

The pages are no part of this project, so their truth stands in web_text_truth.json as numbers: of the lines of a page's whole
text, first and last of each run that a reader marked as main text. A library that is not installed is left out.
"""

import argparse
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.web_layouts import PAGES

BREAKS = [
    "p",
    "div",
    "li",
    "br",
    "tr",
    "td",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "section",
    "article",
    "header",
    "footer",
    "ul",
    "ol",
    "table",
    "blockquote",
    "figure",
]
SIDE = "//script|//style|//noscript|//head|//comment()|//template"
NOT_HAN = re.compile("[^\u3400-\u9fff]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
REPEATS = 3
Extract = Callable[[str], str]


def all_lines(page: str) -> list[str]:
    """Every line that a page shows."""
    html = import_module("lxml.html")
    tree = html.fromstring(CONTROL.sub("", page).encode(), parser=html.HTMLParser(encoding="utf-8"))
    for side in tree.xpath(SIDE):
        side.drop_tree()
    for block in tree.iter(*BREAKS):
        block.tail = "\n" + (block.tail or "")
        block.text = "\n" + (block.text or "")
    return [line.strip() for line in tree.text_content().split("\n") if line.strip()]


def whole_text(page: str) -> str:
    return "\n".join(all_lines(page))


def libraries() -> Iterator[tuple[str, Extract]]:
    yield "lxml, whole text", whole_text
    for name, build in BUILDERS.items():
        try:
            yield name, build()
        except ImportError as error:
            print(f"left out: {name} ({error})")


def trafilatura(**options: bool) -> Extract:
    module = import_module("trafilatura")
    return lambda page: module.extract(CONTROL.sub("", page), include_comments=False, **options) or ""


def resiliparse(main: bool) -> Extract:
    extract = import_module("resiliparse.extract.html2text").extract_plain_text
    return lambda page: str(extract(page, main_content=main, alt_texts=False, preserve_formatting=True))


def justext() -> Extract:
    """Without stop words, since it knows no Chinese ones; its lengths are for words of letters, so they are made shorter."""
    module = import_module("justext")
    return lambda page: "\n".join(
        each.text
        for each in module.justext(
            page.encode(), frozenset(), length_low=20, length_high=60, stopwords_low=0, stopwords_high=0, encoding="utf-8"
        )
        if not each.is_boilerplate
    )


def readability() -> Extract:
    document = import_module("readability").Document
    return lambda page: whole_text(document(CONTROL.sub("", page)).summary())


def selectolax() -> Extract:
    """What is left without the parts of a page that HTML itself names as no content."""
    parser = import_module("selectolax.lexbor").LexborHTMLParser

    def extract(page: str) -> str:
        tree = parser(page)
        tree.strip_tags(["script", "style", "noscript", "nav", "header", "footer", "aside", "form", "template"], recursive=True)
        return tree.body.text(separator="\n", strip=True) if tree.body else ""

    return extract


BUILDERS: dict[str, Callable[[], Extract]] = {
    "trafilatura": trafilatura,
    "trafilatura, fast": lambda: trafilatura(fast=True),
    "trafilatura, recall": lambda: trafilatura(favor_recall=True),
    "resiliparse, main": lambda: resiliparse(True),
    "resiliparse, all": lambda: resiliparse(False),
    "jusText": justext,
    "readability-lxml": readability,
    "selectolax": selectolax,
}


def han(text: str) -> str:
    return NOT_HAN.sub("", text)


def score(page: str, ranges: list[list[int]], text: str) -> tuple[int, int, int]:
    """Han characters of the main text, those of them that were kept, and all that were given."""
    lines = all_lines(page)
    main = [han(lines[number]) for first, last in ranges for number in range(first, last + 1)]
    given = han(text)
    return sum(map(len, main)), sum(len(line) for line in main if line in given), len(given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="?")
    given = parser.parse_args().pages
    if given is None:
        print("left out: no pages are given (jsonl.gz with `id`, `source` and the raw page as `text`)")
        return
    with gzip.open(given) as stream:
        rows = [row for row in map(json.loads, stream) if row["source"].startswith("html")]
    truth = json.loads(Path(__file__).with_name("web_text_truth.json").read_text(encoding="utf-8"))
    pages = {row["id"]: row["text"] for row in rows}
    size = sum(len(row["text"].encode()) for row in rows) / 1e6
    print(f"{len(rows)} pages, {size:.1f} MB; {len(truth)} of them marked by hand")
    print(
        f"{len(PAGES)} layouts: lines of the main text kept / lines around it kept, over all; and by layout, kept of the main text"
    )
    print(
        "| library | kept of main text | of what it gives, main text | given of pages without main text | MB/s | failed | layouts |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, extract in libraries():
        print(row_of(name, extract, pages, truth, size))


def row_of(name: str, extract: Extract, pages: dict[str, str], truth: dict[str, list[list[int]]], size: float) -> str:
    articles = [score(pages[key], ranges, extract(pages[key])) for key, ranges in truth.items() if ranges]
    lists = [len(han(extract(pages[key]))) / len(han(whole_text(pages[key]))) for key, ranges in truth.items() if not ranges]
    asked, kept, given = (sum(column) for column in zip(*articles, strict=True))
    failed = 0
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        for page in pages.values():
            try:
                extract(page)
            except Exception:  # noqa: BLE001 - any failure of a library counts against it
                failed += 1
        times.append(time.process_time() - start)
    cells = f"{kept / asked:.3f} | {kept / max(given, 1):.3f} | {sum(lists) / len(lists):.2f} | {size / min(times):.1f}"
    return f"| {name} | {cells} | {failed // REPEATS} | {layouts(extract)} |"


def layouts(extract: Extract) -> str:
    """Shares of lines over the pages written for this project."""
    kept, side, each = [], [], []
    for page in PAGES:
        given = han(extract(page.html))
        found = [han(line) in given for line in page.main]
        kept += found
        side += [han(line) in given for line in page.side if han(line)]
        each.append(f"{sum(found) / len(found):.2f}")
    return f"{sum(kept) / len(kept):.2f} / {sum(side) / len(side):.2f} ({' '.join(each)})"


if __name__ == "__main__":
    main()
