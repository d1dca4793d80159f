"""UTF-8 or GB18030: told from a sample of a file, once per file. Not for repairing text that is neither."""

import codecs

SAMPLE = 256 << 10
UTF8, GB18030 = "utf-8", "gb18030"


def strip_mark(data: bytes) -> bytes:
    """Without the byte order mark of UTF-8."""
    return data.removeprefix(codecs.BOM_UTF8)


def detect(sample: bytes) -> str:
    """The encoding in which more of the sample's lines are valid; UTF-8 where both are equal, since sound UTF-8 Chinese is
    often valid GB18030 too, but hardly ever the other way round. The last line may be cut."""
    if sample.startswith(codecs.BOM_UTF8) or sample.isascii():
        return UTF8
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    valid = {encoding: sum(_valid(line, encoding) for line in lines) for encoding in (UTF8, GB18030)}
    return GB18030 if valid[GB18030] > valid[UTF8] and valid[UTF8] * 2 < len(lines) else UTF8


def _valid(line: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(line)  # a character cut at the end is no error
    except UnicodeDecodeError:
        return False
    return True
