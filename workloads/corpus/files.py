"""From what the recipe names to a fixed list of files: folders walked, globs matched, formats told by the name."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from cluster import storage
from cluster.errors import InputError
from cluster.manifest import fingerprint_of_files
from cluster.storage import Location
from workloads.corpus.spec import Format, InputSpec

Compression = Literal["", "gz", "zst"]
_NAME = re.compile(r"(?P<stem>.*?)\.(?P<format>jsonl|ndjson|json|parquet|txt)(?:\.(?P<compression>gz|zst))?$", re.IGNORECASE)
_ALLOWED = "allowed are .jsonl, .ndjson, .json (one record per line) and .txt, each also with .gz or .zst, and .parquet"


@dataclass(frozen=True)
class InputFile:
    """One file to read. `name` is its path below the input, as decisions and quarantine show it; `size` in bytes;
    `source` stands where the record has none, or over the record's where `fixed_source`."""

    uri: str
    name: str
    size: int
    changed_ns: int
    format: Literal["jsonl", "parquet", "txt"]
    compression: Compression
    source: str
    fixed_source: bool
    text_field: str
    source_field: str
    date_field: str
    score_field: str
    blank_lines: bool


@dataclass(frozen=True)
class Found:
    """The files of a corpus in a fixed order, and the names of those passed over for their ending."""

    files: tuple[InputFile, ...]
    ignored: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    def fingerprint(self) -> str:
        """Of names and contents, wherever the files lie."""
        return fingerprint_of_files((file.name, storage.locate(file.uri), file.size, file.changed_ns) for file in self.files)


def find_files(inputs: tuple[tuple[InputSpec, str], ...]) -> Found:
    """`inputs`: each spec with its path made absolute. Raises InputError where a path holds nothing to read."""
    per_input = [_find(spec, path) for spec, path in inputs]
    names = Counter(file.name for found in per_input for file in found.files)
    files: list[InputFile] = []
    for index, ((_, path), found) in enumerate(zip(inputs, per_input, strict=True)):
        label = _bare(path).rstrip("/").rsplit("/", 1)[-1]
        for file in found.files:  # one name must mean one file
            clash = names[file.name] > 1
            files.append(replace(file, name=f"{label}-{index}/{file.name}") if clash else file)
    files.sort(key=lambda file: file.name)
    return Found(tuple(files), tuple(name for found in per_input for name in found.ignored))


def _find(spec: InputSpec, path: str) -> Found:
    if any(sign in _bare(path) for sign in "*["):
        return _glob(spec, path)
    place = storage.locate(path)
    kind = storage.kind_of(place)
    if kind == "absent":
        raise InputError(f"no file or folder at {place}", "a file, a folder or a glob", "check `corpus.inputs` of the recipe")
    if kind == "file":
        changed = place.filesystem.get_file_info(place.path)
        return Found((_describe(spec, place, place.name, changed.size, changed.mtime_ns or 0),), ())
    found = _below(spec, place, "")
    if not found.files:
        ignored = f" (passed over: {', '.join(found.ignored[:3])})" if found.ignored else ""
        raise InputError(f"nothing to read in the folder {place}{ignored}", _ALLOWED, "put raw text there")
    return found


def _bare(path: str) -> str:
    """Without the options of a URI (`?endpoint_override=...`)."""
    return path.partition("?")[0] if "://" in path else path


def _glob(spec: InputSpec, path: str) -> Found:
    parts = _bare(path).split("/")
    fixed = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*["))
    folder = "/".join(parts[:fixed]) + path.removeprefix(_bare(path))
    found = _below(spec, storage.locate(folder), "/".join(parts[fixed:]))
    if not found.files:
        raise InputError(f"no file matches {_bare(path)}", _ALLOWED, "check the glob in `corpus.inputs` of the recipe")
    return found


def _below(spec: InputSpec, folder: Location, glob: str) -> Found:
    """The readable files below a folder whose relative path matches `glob` (`**/` any depth); hidden ones never."""
    try:
        pattern = re.compile(_glob_pattern(glob) if glob else ".*")
    except re.error as error:
        raise InputError(f"cannot understand the glob {glob} ({error})", "*, ** and [a-z]", "mend `corpus.inputs`") from error
    files: list[InputFile] = []
    ignored: list[str] = []
    for stat in storage.list_files(folder):
        if any(part.startswith((".", "_")) for part in stat.path.split("/")) or not pattern.fullmatch(stat.path):
            continue
        if spec.format == "auto" and not _NAME.match(stat.path):
            ignored.append(stat.path)
            continue
        files.append(_describe(spec, folder / stat.path, stat.path, stat.size, stat.changed_ns))
    return Found(tuple(files), tuple(ignored))


def _glob_pattern(glob: str) -> str:
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*|\[[^\]]+\])", glob)
    return "".join(signs.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)


def _describe(spec: InputSpec, place: Location, name: str, size: int, changed_ns: int) -> InputFile:
    match = _NAME.match(place.name)
    if match is None and spec.format == "auto":
        raise InputError(f"cannot tell the format of {place}", _ALLOWED, "rename it or give its `format`")
    compression = (match["compression"] or "").lower() if match else _compression(place.name)
    written = _format(spec.format, match["format"].lower() if match else "")
    stem = match["stem"] if match else place.name
    folder = place.path.rstrip("/").split("/")[-2] if place.path.count("/") else ""
    return InputFile(
        uri=place.uri,
        name=name,
        size=size,
        changed_ns=changed_ns,
        format=written,
        compression="" if written == "parquet" else "gz" if compression == "gz" else "zst" if compression == "zst" else "",
        source=spec.source or (folder if written == "txt" and folder else stem),
        fixed_source=bool(spec.source),
        text_field=spec.text_field,
        source_field=spec.source_field,
        date_field=spec.date_field,
        score_field=spec.score_field,
        blank_lines=spec.txt_documents == "blank_lines",
    )


def _compression(name: str) -> str:
    ending = name.rsplit(".", 1)[-1].lower()
    return ending if ending in ("gz", "zst") else ""


def _format(wanted: Format, ending: str) -> Literal["jsonl", "parquet", "txt"]:
    if wanted != "auto":
        return wanted
    return "parquet" if ending == "parquet" else "txt" if ending == "txt" else "jsonl"
