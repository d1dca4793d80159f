"""The items of evaluation sets, from their files. Not for comparing them with text: see workloads/text/overlap.py."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import storage
from cluster.errors import InputError
from cluster.manifest import fingerprint_of_files
from cluster.storage import Location
from workloads.corpus.decontamination.spec import EvaluationSetSpec
from workloads.text.script import count_han

_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_ALLOWED = "csv, tsv, jsonl, json (each also .gz) or parquet"


@dataclass(frozen=True)
class Item:
    """One question, passage or sentence of a set. `place`: its file and number there, from 1. `parts`: the texts of its fields,
    such as a question and its choices."""

    set_name: str
    place: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.set_name}/{self.place}"

    @property
    def text(self) -> str:
        return "\n".join(self.parts)


@dataclass(frozen=True)
class SetFile:
    """A file of a set; `name` below the set's path."""

    spec: EvaluationSetSpec
    set_name: str
    place: Location
    name: str
    size: int
    changed_ns: int


def find_sets(sets: Sequence[tuple[EvaluationSetSpec, str]]) -> tuple[SetFile, ...]:
    """The files of every set, each given with its path made absolute. Raises InputError where a path holds none."""
    return tuple(file for spec, path in sets for file in _files(spec, path))


def fingerprint(files: Sequence[SetFile]) -> str:
    return fingerprint_of_files((f"{file.set_name}/{file.name}", file.place, file.size, file.changed_ns) for file in files)


def _files(spec: EvaluationSetSpec, path: str) -> list[SetFile]:
    place = storage.locate(path)
    name = spec.name or place.name.split(".")[0]
    if storage.kind_of(place) == "file":
        info = place.filesystem.get_file_info(place.path)
        return [SetFile(spec, name, place, place.name, info.size, info.mtime_ns or 0)]
    found = [
        SetFile(spec, name, place / stat.path, stat.path, stat.size, stat.changed_ns)
        for stat in storage.list_files(place)
        if stat.path.removesuffix(".gz").endswith(_ENDINGS)
    ]
    if not found:
        raise InputError(f"no evaluation set at {place}", _ALLOWED, "check `corpus.decontamination.sets` of the recipe")
    return found


def read_items(files: Sequence[SetFile]) -> list[Item]:
    """Every item that holds Han, in order. Raises InputError where a file cannot be read or holds none of the fields."""
    return [item for file in files for item in _items(file)]


def _items(file: SetFile) -> Iterator[Item]:
    count = 0
    for number, record in enumerate(_records(file), 1):
        for parts in _parts(record, file.spec.fields):
            count += 1
            yield Item(file.set_name, f"{file.name}#{number}", parts)
    if not count:
        wanted = f"the fields {', '.join(file.spec.fields)}" if file.spec.fields else "Chinese text"
        raise InputError(f"{file.place} holds no item with {wanted}", _ALLOWED, "check `fields` of the evaluation set")


def _records(file: SetFile) -> Iterator[object]:
    with storage.plain_errors("reading", file.place), file.place.filesystem.open_input_file(file.place.path) as stream:
        data = stream.read()
    try:
        yield from _parse(gzip.decompress(data) if file.name.endswith(".gz") else data, file.name.removesuffix(".gz"))
    except (ValueError, OSError, EOFError, csv.Error, pa.ArrowInvalid) as error:
        raise InputError(f"{file.place} cannot be read: {error}", _ALLOWED, "mend or remove the file") from error


def _parse(data: bytes, name: str) -> Iterator[object]:
    if name.endswith(".parquet"):
        yield from pq.read_table(pa.BufferReader(data)).to_pylist()
        return
    text = data.decode("utf-8-sig")
    if name.endswith(".jsonl"):
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
    elif name.endswith(".json"):
        whole = json.loads(text)
        yield from whole if isinstance(whole, list) else [whole]
    else:
        yield from csv.DictReader(io.StringIO(text), delimiter="\t" if name.endswith(".tsv") else ",")


def _parts(record: object, fields: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The items of a record: the mappings at any depth that have one of the fields, or all Han of the record together."""
    if not fields:
        if parts := tuple(leaf for leaf in _leaves(record) if count_han(leaf)):
            yield parts
        return
    if isinstance(record, Mapping):
        parts = tuple(leaf for field in fields if field in record for leaf in _leaves(record[field]) if leaf.strip())
        if parts:
            yield parts
    children = record.values() if isinstance(record, Mapping) else record if isinstance(record, list) else ()
    for child in children:
        if isinstance(child, Mapping | list):
            yield from _parts(child, fields)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for child in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(child)
