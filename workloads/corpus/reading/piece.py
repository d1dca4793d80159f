"""What is passed to whoever reads: a file as the recipe wants it read, a part of it, and the limits. No code that reads."""

from dataclasses import dataclass

Compression = str  # "", or a name in streams.UNPACKERS


@dataclass(frozen=True)
class InputFile:
    """One file to read. `name` is its path below the input, as decisions and quarantine show it; `size` in bytes;
    `format` and `compression` by their registered names, `archive` "zip" or "tar" where members are what is read;
    `source` stands where the record has none, or over the record's where `fixed_source`."""

    uri: str
    name: str
    size: int
    changed_ns: int
    format: str
    compression: Compression
    archive: str
    source: str
    fixed_source: bool
    text_field: str
    source_field: str
    date_field: str
    score_field: str
    blank_lines: bool


@dataclass(frozen=True)
class Piece:
    """A whole file (`stop` 0), or the bytes, blocks or members [start, stop) of it. `index` is the file's number in the
    corpus; `first` the number, from 1, of the first line or row; `bytes` about how much there is to read; `charset` the
    encoding of a part that does not hold the file's beginning, by which it is told."""

    file: InputFile
    index: int
    start: int = 0
    stop: int = 0
    first: int = 1
    bytes: int = 0
    charset: str = ""


@dataclass(frozen=True)
class Limits:
    """Bytes: of a line or text document, of a file that must be read whole, of an archive's member unpacked."""

    line: int = 64 << 20
    document: int = 512 << 20
    member: int = 4 << 30
