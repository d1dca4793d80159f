"""The encoding of a file, told once from a sample: UTF-8, GB18030, Big5, UTF-16. Not for mending text that was already
decoded wrongly (see workloads/text/mojibake.py)."""

import codecs
from collections import Counter

from workloads.corpus.reading.common_characters import COMMON, MARKS
from workloads.corpus.reading.source import Readable

SAMPLE = 256 << 10
UTF8, GB18030, BIG5, UTF16_LE, UTF16_BE = "utf-8", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be"
_MARKS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, UTF16_LE), (codecs.BOM_UTF16_BE, UTF16_BE))
_LOOKED_AT = 16 << 10  # bytes whose characters are counted
_ASCII = bytes(range(128))
_SHORT = 96  # bytes other than ASCII: so few can be valid UTF-8 by chance


def strip_mark(data: bytes) -> bytes:
    """Without the byte order mark of UTF-8."""
    return data.removeprefix(codecs.BOM_UTF8)


def detect(sample: bytes) -> str:
    """The encoding of a file that begins with `sample`, which may be cut anywhere. Some damaged lines do no harm.

    UTF-8 where most bytes other than ASCII are in lines that are valid in it, since other encodings hardly ever are by chance;
    else, and for very short samples, the encoding that gives the most common Chinese characters.
    """
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        return _best(sample, (UTF8, GB18030, UTF16_LE, UTF16_BE))
    if sample.isascii():
        return UTF8
    foreign = len(sample.translate(None, _ASCII))
    valid = sum(len(line.translate(None, _ASCII)) for line in sample.split(b"\n") if _valid(line))
    if valid * 2 < foreign:
        return _best(sample, (GB18030, BIG5, UTF16_LE, UTF16_BE))
    return _best(sample, (UTF8, GB18030, BIG5)) if foreign < _SHORT else UTF8


def _best(sample: bytes, encodings: tuple[str, ...]) -> str:
    """The encoding with the highest score; the first of equal ones."""
    scores = {encoding: _score(sample[:_LOOKED_AT], encoding) for encoding in encodings}
    return max(scores, key=lambda encoding: scores[encoding])


def _score(sample: bytes, encoding: str) -> float:
    """Common Han characters and Chinese marks count for, replacements and letters that no Chinese text has count against,
    per character that is not ASCII. Between 1 and -1."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    counts = Counter(text)
    total = score = 0
    for sign, count in counts.items():
        if sign >= "\x80" or (sign < " " and sign not in "\t\r\n\f"):
            total += count
            score += count * _worth(sign)
    return score / total if total else 0.0


def _worth(sign: str) -> int:
    if sign in COMMON or sign in MARKS:
        return 1
    return 0 if "\u3400" <= sign <= "\u9fff" or "\u2010" <= sign <= "\u30ff" or "\uff01" <= sign <= "\uff5e" else -1


def _valid(line: bytes) -> bool:
    try:
        codecs.getincrementaldecoder(UTF8)().decode(line)  # a character cut at the end is no error
    except UnicodeDecodeError:
        return False
    return True


class AsUtf8:
    """A stream of UTF-16 as one of UTF-8, so that lines can be told by bytes. Broken pairs stay broken for `decode` to find."""

    def __init__(self, raw: Readable, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._begun = False

    def read(self, size: int = -1, /) -> bytes:
        while block := self._raw.read(size):
            text = self._decoder.decode(block)
            if not self._begun and text:
                text, self._begun = text.removeprefix("\ufeff"), True
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""
