"""Every format that can be read, by its name: the one place where a new one is listed."""

from collections.abc import Mapping

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.formats.arrow import Arrow
from workloads.corpus.reading.formats.delimited import Csv, Tsv
from workloads.corpus.reading.formats.docx import Docx
from workloads.corpus.reading.formats.epub import Epub
from workloads.corpus.reading.formats.html import Html
from workloads.corpus.reading.formats.json_values import JsonValues
from workloads.corpus.reading.formats.jsonl import Jsonl
from workloads.corpus.reading.formats.markdown import Markdown
from workloads.corpus.reading.formats.parquet import Parquet
from workloads.corpus.reading.formats.pdf import Pdf
from workloads.corpus.reading.formats.txt import Txt
from workloads.corpus.reading.formats.warc import Warc

_ALL: tuple[Format, ...] = (
    Jsonl(),
    JsonValues(),
    Csv(),
    Tsv(),
    Txt(),
    Markdown(),
    Parquet(),
    Arrow(),
    Html(),
    Warc(),
    Docx(),
    Pdf(),
    Epub(),
)

FORMATS: Mapping[str, Format] = {each.name: each for each in _ALL}
