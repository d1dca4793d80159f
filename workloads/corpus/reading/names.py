"""What a file's name says: format, packing, archive. Not what its bytes say."""

from dataclasses import dataclass

from workloads.corpus.reading.registry import FORMATS
from workloads.corpus.reading.streams import UNPACKERS

_SHORT = {"tgz": "tar.gz", "tbz2": "tar.bz2", "txz": "tar.xz", "tzst": "tar.zst"}
_ARCHIVES = ("zip", "tar")
_BY_ENDING = {ending: each.name for each in FORMATS.values() for ending in each.endings}
LISTS = "urls"

ALLOWED = (
    f"allowed are {', '.join('.' + ending for ending in _BY_ENDING)}, each also with .{', .'.join(UNPACKERS)}, archives "
    f".zip and .tar (also .tar.gz, .tgz, ...), and .{LISTS}, a list of addresses"
)


@dataclass(frozen=True)
class Named:
    """`stem`: the name before its endings. `format` is empty where the ending is none of ours, or for an archive."""

    stem: str
    format: str
    compression: str
    archive: str

    @property
    def readable(self) -> bool:
        return bool(self.format or self.archive)


def tell(name: str) -> Named:
    """From the last part of a path."""
    stem, _, ending = name.rpartition(".")
    for short, long in _SHORT.items():
        if ending.lower() == short and stem:
            return tell(f"{stem}.{long}")
    compression = ending.lower() if ending.lower() in UNPACKERS and stem else ""
    if compression:
        name = stem
    stem, _, ending = name.rpartition(".")
    ending = ending.lower()
    if not stem:
        return Named(name, "", compression, "")
    if ending in _ARCHIVES and not (ending == "zip" and compression):
        return Named(stem, "", compression, ending)
    known = LISTS if ending == LISTS else _BY_ENDING.get(ending, "")
    return Named(stem if known else name, known, compression, "")
