"""Places named by URI (local path, s3://, gs://, hdfs://, and http(s):// to read) through pyarrow.fs: read, list, write
whole files, hash.

Not for artifacts (see artifacts.py), and not for streaming a corpus: Ray Data reads through `Location.filesystem` itself.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pyarrow import NativeFile, fs

from cluster import environment
from cluster.errors import StorageError

_BLOCK = 4 << 20
_OBJECT_STORES = ("s3", "gcs", "abfs")  # pyarrow's names of the filesystems that cannot rename a folder
_LARGEST_COPY = 5 << 30  # bytes; what S3's CopyObject takes in one piece
_COPIES_AT_ONCE = 8


@dataclass(frozen=True)
class Location:
    """A file or folder: a pyarrow filesystem and a path in it. Send `uri`, not this, between processes."""

    filesystem: fs.FileSystem
    path: str
    uri: str

    def __truediv__(self, name: str) -> "Location":
        base, _, query = self.uri.partition("?")
        uri = f"{base.rstrip('/')}/{name}" + (f"?{query}" if query else "")
        return Location(self.filesystem, f"{self.path.rstrip('/')}/{name}", uri)

    @property
    def name(self) -> str:
        path = self.path.partition("?")[0] if self.path.startswith(("http://", "https://")) else self.path
        return path.rstrip("/").rsplit("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def __str__(self) -> str:
        return self.uri.partition("?")[0]


@dataclass(frozen=True)
class FileStat:
    """One file below a folder: its path relative to that folder, size in bytes and time of change in ns (0: unknown)."""

    path: str
    size: int
    changed_ns: int


def locate(uri: str) -> Location:
    """Resolve a URI or a local path. For S3 the endpoint may stand in the URI (`?endpoint_override=host:port&scheme=http`)
    or in AWS_ENDPOINT_URL; credentials come from the usual places and never from the URI.

    Raises StorageError for a scheme that this installation cannot reach.
    """
    if "://" not in uri:
        path = str(Path(uri).expanduser().absolute())
        return Location(fs.LocalFileSystem(), path, path)
    if "@" in urlsplit(uri).netloc:
        raise StorageError(
            "the URI carries a user name or password", "credentials belong to the environment", "take them out of the URI"
        )
    if uri.startswith(("http://", "https://")):
        from cluster.web import web_filesystem  # its client takes a while to import, and few need it

        return Location(web_filesystem(), uri, uri)
    if uri.startswith("file://"):
        return locate(unquote(urlsplit(uri).path))
    try:
        if uri.startswith("s3://"):
            return _locate_s3(uri)
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (ValueError, OSError, ImportError) as error:
        raise StorageError(
            f"cannot open {uri.partition('?')[0]} ({error})",
            "allowed are a local path, s3://, gs://, hdfs:// and, to read, http(s)://",
            "check the spelling and the credentials",
        ) from error
    return Location(filesystem, path, uri)


def _locate_s3(uri: str) -> Location:
    parts = urlsplit(uri)
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    endpoint = options.get("endpoint_override") or environment.s3_endpoint()
    plain = "http" in (options.get("scheme"), endpoint.partition("://")[0])
    filesystem = fs.S3FileSystem(
        endpoint_override=endpoint.split("://")[-1] or None,
        scheme="http" if plain else "https",
        region=options.get("region") or environment.s3_region(),
        allow_bucket_creation=options.get("allow_bucket_creation") == "true",
    )
    return Location(filesystem, parts.netloc + parts.path, uri)


@contextlib.contextmanager
def plain_errors(action: str, location: Location) -> Iterator[None]:
    """Turn what the operating system says into one line that names the place and the way out."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            raise StorageError(
                f"no space left while {action} {location}",
                "nothing that was committed is lost",
                "free space there or point `store` elsewhere, then run the same command again",
            ) from error
        if error.errno == errno.EACCES or isinstance(error, PermissionError):
            raise StorageError(
                f"no permission while {action} {location}", "", "change the owner or choose another place"
            ) from error
        raise StorageError(f"failed while {action} {location} ({error})", "", "check the path and the connection") from error


def kind_of(location: Location) -> str:
    """`file`, `folder` or `absent`."""
    with plain_errors("looking at", location):
        info = location.filesystem.get_file_info(location.path)
    return {fs.FileType.File: "file", fs.FileType.Directory: "folder"}.get(info.type, "absent")


def stat(file: Location) -> FileStat | None:
    """Size and time of change of a file, with its name as path; None where there is none."""
    with plain_errors("looking at", file):
        info = file.filesystem.get_file_info(file.path)
    return FileStat(file.name, info.size, info.mtime_ns or 0) if info.type == fs.FileType.File else None


def list_files(folder: Location) -> list[FileStat]:
    """Every file below `folder`, sorted by relative path; empty where the folder does not exist."""
    selector = fs.FileSelector(folder.path, recursive=True, allow_not_found=True)
    with plain_errors("listing", folder):
        found = folder.filesystem.get_file_info(selector)
    prefix = len(folder.path.rstrip("/")) + 1
    files = [FileStat(f.path[prefix:], f.size, f.mtime_ns or 0) for f in found if f.type == fs.FileType.File]
    return sorted(files, key=lambda file: file.path)


def list_folders(folder: Location) -> list[str]:
    """Names of the folders directly in `folder`, sorted; empty where it does not exist."""
    selector = fs.FileSelector(folder.path, recursive=False, allow_not_found=True)
    with plain_errors("listing", folder):
        found = folder.filesystem.get_file_info(selector)
    return sorted(f.base_name for f in found if f.type == fs.FileType.Directory)


def read_bytes(file: Location) -> bytes:
    with plain_errors("reading", file), file.filesystem.open_input_stream(file.path, compression=None) as stream:
        return bytes(stream.read())


def write_bytes(file: Location, data: bytes, private: bool = False) -> None:
    """Write a whole file so that a reader sees the old or the new content, never a part: rename on a local disk,
    an upload that appears when it is complete on an object store. Creates the folders above. `private`: on a local disk for its
    owner alone."""
    with plain_errors("writing", file):
        if not file.is_local:
            with file.filesystem.open_output_stream(file.path, compression=None) as stream:
                stream.write(data)
            return
        target = Path(file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with open(temporary, "wb", opener=_for_the_owner if private else None) as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def open_output(file: Location) -> Iterator[NativeFile]:
    """A stream to write a large file; for drafts only, since a reader could see a part of it."""
    with plain_errors("writing", file):
        if file.is_local:
            Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        with file.filesystem.open_output_stream(file.path, compression=None) as stream:
            yield stream


def upload(source: Path, target: Location) -> None:
    """Copy a local file, or a local folder with all below it, to `target`."""
    with plain_errors("writing", target):
        if source.is_dir():
            target.filesystem.create_dir(target.path, recursive=True)
            fs.copy_files(str(source), target.path, destination_filesystem=target.filesystem)
        else:
            with source.open("rb") as reader, open_output(target) as writer:
                shutil.copyfileobj(reader, writer, _BLOCK)


def download(source: Location, target: Path) -> None:
    """Copy a folder to a local folder."""
    target.mkdir(parents=True, exist_ok=True)
    with plain_errors("reading", source):
        fs.copy_files(source.path, str(target), source_filesystem=source.filesystem)


def copy_folder(source: Location, target: Location) -> None:
    """Copy a folder to another place, also of another kind."""
    with plain_errors("copying to", target):
        target.filesystem.create_dir(target.path, recursive=True)
        fs.copy_files(source.path, target.path, source_filesystem=source.filesystem, destination_filesystem=target.filesystem)


def download_file(source: Location, target: Path) -> None:
    """Copy one file to this machine."""
    with (
        plain_errors("reading", source),
        source.filesystem.open_input_stream(source.path, compression=None) as reader,
        target.open("wb") as writer,
    ):
        shutil.copyfileobj(reader, writer, _BLOCK)


def move_folder(source: Location, target: Location, last: str) -> None:
    """Move a folder within its filesystem; StorageError where something is in the way. An object store cannot rename: there
    the store copies the files, takes away others of that place, and copies `last` when all else is there to be found."""
    with plain_errors("moving to", target):
        if source.filesystem.type_name not in _OBJECT_STORES:
            source.filesystem.create_dir(target.path.rstrip("/").rpartition("/")[0], recursive=True)
            source.filesystem.move(source.path, target.path)
            return
        files = {file.path: file.size for file in list_files(source)}
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            others = [name for name in files if name != last]
            list(pool.map(lambda name: _copy_object(source / name, target / name, files[name]), others))
        for old in {file.path for file in list_files(target)} - set(files):
            target.filesystem.delete_file((target / old).path)
        _copy_object(source / last, target / last, files[last])
    delete_folder(source)


def link_file(source: Location, target: Location) -> None:
    """Have a file that never changes at a second place: one more name on a local disk, a copy made by an object store."""
    with plain_errors("copying to", target):
        if source.is_local and target.is_local:
            Path(target.path).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source.path, target.path)
            except OSError:  # another disk, or one that knows no second names
                shutil.copyfile(source.path, target.path)
        elif source.filesystem.equals(target.filesystem):
            source.filesystem.copy_file(source.path, target.path)
        else:
            with source.filesystem.open_input_stream(source.path, compression=None) as reader, open_output(target) as writer:
                shutil.copyfileobj(reader, writer, _BLOCK)


def _copy_object(source: Location, target: Location, size: int) -> None:
    if size <= _LARGEST_COPY:
        source.filesystem.copy_file(source.path, target.path)
        return
    with source.filesystem.open_input_stream(source.path, compression=None) as reader, open_output(target) as writer:
        shutil.copyfileobj(reader, writer, _BLOCK)


def delete_folder(folder: Location) -> None:
    if kind_of(folder) == "folder":
        with plain_errors("deleting", folder):
            folder.filesystem.delete_dir(folder.path)


def sha256_of(file: Location) -> str:
    """Hash of the file's content, read in blocks."""
    digest = hashlib.sha256()
    with plain_errors("reading", file), file.filesystem.open_input_stream(file.path, compression=None) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
