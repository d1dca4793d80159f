"""From what the recipe names to a fixed list of files: folders walked, globs matched, lists of addresses followed."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from cluster import storage
from cluster.errors import DependencyError, InputError
from cluster.manifest import fingerprint_of_files
from cluster.storage import Location
from workloads.corpus.reading import encoding
from workloads.corpus.reading.names import ALLOWED, LISTS, Named, tell
from workloads.corpus.reading.piece import InputFile
from workloads.corpus.reading.registry import FORMATS
from workloads.corpus.reading.spec import InputSpec

_WEB = ("http://", "https://")
_LONGEST_LIST = 64 << 20  # bytes


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
    """`inputs`: each spec with its path made absolute. The order of the files and their names do not depend on the order in
    which they are found or named. Raises InputError where a path holds nothing to read, DependencyError where a format
    needs a package that is missing."""
    per_input = [_find(spec, path) for spec, path in inputs]
    _need_packages(file for found in per_input for file in found.files)
    clashing = {name for name, count in Counter(file.name for found in per_input for file in found.files).items() if count > 1}
    labels = _labels([_bare(path) for _, path in inputs])
    files = [
        replace(file, name=f"{label}/{file.name}") if file.name in clashing else file
        for label, found in zip(labels, per_input, strict=True)
        for file in found.files
    ]
    files.sort(key=lambda file: file.name)
    return Found(tuple(files), tuple(sorted(name for found in per_input for name in found.ignored)))


def _labels(paths: Sequence[str]) -> list[str]:
    """The shortest ends of the paths, whole folders each, that tell them apart; equal paths get a number."""
    parts = [path.rstrip("/").split("/") for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-depth:]) for each in parts]
        if len(set(labels)) == len(set(paths)):
            break
    seen: Counter[str] = Counter()
    for index, label in enumerate(labels):
        seen[label] += 1
        labels[index] = label if seen[label] == 1 else f"{label}-{seen[label]}"
    return labels


def _need_packages(files: Iterable[InputFile]) -> None:
    for file in files:
        missing = [] if file.archive else [each for each in FORMATS[file.format].modules if find_spec(each) is None]
        if missing:
            raise DependencyError(
                f"{file.name} is {file.format}, and {missing[0]} is not installed", "", "run: pip install 'hanlin[documents]'"
            )


def _find(spec: InputSpec, path: str) -> Found:
    if path.startswith(_WEB):
        return _single(spec, path, _web_name(path))
    if any(sign in _bare(path) for sign in "*["):
        return _glob(spec, path)
    place = storage.locate(path)
    kind = storage.kind_of(place)
    if kind == "absent":
        raise InputError(f"no file or folder at {place}", "a file, a folder or a glob", "check `corpus.inputs` of the recipe")
    if kind == "file":
        return _single(spec, path, place.name)
    found = _below(spec, place, "")
    if not found.files:
        ignored = f" (passed over: {', '.join(found.ignored[:3])})" if found.ignored else ""
        raise InputError(f"nothing to read in the folder {place}{ignored}", ALLOWED, "put raw text there")
    return found


def _single(spec: InputSpec, path: str, name: str) -> Found:
    place = storage.locate(path)
    if _told(spec, place).format == LISTS:
        return _listed(spec, place)
    info = storage.stat(place)
    if info is None:
        raise InputError(f"nothing at {place}", "a file that is there", "check `corpus.inputs` of the recipe")
    return Found((_describe(spec, place, name, info.size, info.changed_ns),), ())


def _listed(spec: InputSpec, place: Location) -> Found:
    """The files of a list: an address or path a line, relative to the list; blank lines and those with # are nothing."""
    if (info := storage.stat(place)) is not None and info.size > _LONGEST_LIST:
        raise InputError(f"the list {place} has {info.size} bytes", f"at most {_LONGEST_LIST}", "cut it in parts")
    data = storage.read_bytes(place)
    lines = encoding.strip_mark(data).decode(encoding.detect(data), "replace").splitlines()
    entries = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not entries:
        raise InputError(f"the list {place} names nothing", "an address or path a line", "write some into it")
    inner = spec.model_copy(update={"format": "auto" if spec.format == LISTS else spec.format})
    found = [_entry(inner, place, entry) for entry in sorted(set(entries))]
    return Found(tuple(file for each in found for file in each.files), tuple(name for each in found for name in each.ignored))


def _entry(spec: InputSpec, place: Location, entry: str) -> Found:
    folder = place.uri.partition("?")[0].rpartition("/")[0]
    path = entry if "://" in entry or entry.startswith("/") else f"{folder}/{entry}"
    if tell(_bare(path)).format == LISTS:
        raise InputError(f"the list {place} names the list {entry}", "files", "name every list in `corpus.inputs`")
    return _single(spec, path, _web_name(path) if "://" in path else entry.lstrip("/"))


def _web_name(path: str) -> str:
    """Host, path and question of an address: one name means one address."""
    try:
        parts = urlsplit(path)
    except ValueError as error:
        raise InputError(f"{path} is no address ({error})", "as http://host/file", "mend it") from error
    question = f"?{parts.query}" if parts.query and path.startswith(_WEB) else ""
    return f"{parts.netloc}{unquote(parts.path) or '/'}{question}"


def _bare(path: str) -> str:
    """Without the options of a URI (`?endpoint_override=...`)."""
    return path.partition("?")[0] if "://" in path else path


def _glob(spec: InputSpec, path: str) -> Found:
    parts = _bare(path).split("/")
    fixed = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*["))
    folder = "/".join(parts[:fixed]) + path.removeprefix(_bare(path))
    found = _below(spec, storage.locate(folder), "/".join(parts[fixed:]))
    if not found.files:
        raise InputError(f"no file matches {_bare(path)}", ALLOWED, "check the glob in `corpus.inputs` of the recipe")
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
        told = tell(stat.path)
        if spec.format == "auto" and (not told.readable or told.format == LISTS):
            ignored.append(stat.path)
            continue
        files.append(_describe(spec, folder / stat.path, stat.path, stat.size, stat.changed_ns))
    return Found(tuple(files), tuple(ignored))


def _glob_pattern(glob: str) -> str:
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*|\[[^\]]+\])", glob)
    return "".join(signs.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)


def _told(spec: InputSpec, place: Location) -> Named:
    """What name and recipe say; an address without a known ending is a page."""
    told = tell(place.name)
    if spec.format != "auto":
        return replace(told, format=spec.format)
    if not told.readable and place.uri.startswith(_WEB):
        return replace(told, format="html")
    return told


def _describe(spec: InputSpec, place: Location, name: str, size: int, changed_ns: int) -> InputFile:
    told = _told(spec, place)
    if not told.readable:
        raise InputError(f"cannot tell the format of {place}", ALLOWED, "rename it or give its `format`")
    folder = place.path.rstrip("/").split("/")[-2] if place.path.count("/") else ""
    one_document = bool(told.format) and FORMATS[told.format].one_document and not told.archive
    return InputFile(
        uri=place.uri,
        name=name,
        size=size,
        changed_ns=changed_ns,
        format=told.format,
        compression=told.compression,
        archive=told.archive,
        source=spec.source or (folder if one_document and folder else told.stem),
        fixed_source=bool(spec.source),
        text_field=spec.text_field,
        source_field=spec.source_field,
        date_field=spec.date_field,
        score_field=spec.score_field,
        blank_lines=spec.txt_documents == "blank_lines",
    )
