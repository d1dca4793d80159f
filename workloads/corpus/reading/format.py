"""The base of every format. A new one: subclass `Format` in formats/, list it in registry.py and name it in spec.py."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cluster.storage import Location
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record
from workloads.corpus.reading.source import Source


@dataclass(frozen=True)
class Block:
    """A part of a file that can be read by itself: bytes and rows in it."""

    bytes: int
    rows: int


class Format(ABC):
    """How the bytes of one file become records.

    `endings` tell it by the file's name. `splittable`: "lines" where a plain file may be cut after a newline, "blocks" where
    `blocks` lists its parts. `one_document`: the file is a document, so its folder, not its name, is the source.
    `modules`: what must be installed, as the extra `documents`.
    """

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    splittable: ClassVar[Literal["", "lines", "blocks"]] = ""
    one_document: ClassVar[bool] = False
    modules: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        """Every record in order. What is bad becomes a record with a problem and never raises; BadData that the source
        raises may pass through where nothing after it can be read."""

    def blocks(self, place: Location) -> Sequence[Block]:
        """The parts of a plain file; empty where it is damaged, so that `read` says so."""
        return ()
