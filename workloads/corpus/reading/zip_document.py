"""A document that is a zip file of parts (docx, epub): its parts by name, none larger than allowed."""

import zipfile
from types import TracebackType
from typing import IO, Self

from workloads.corpus.reading.archives import ZIP_ERRORS
from workloads.corpus.reading.record import BadData

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # also what an encrypted docx is wrapped in


class ZipDocument:
    """`limit`: bytes that all parts read may have together, unpacked. Every trouble is BadData."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._left = self._limit = limit
        try:
            self._zip = zipfile.ZipFile(stream)
        except ZIP_ERRORS as error:
            stream.seek(0)
            if stream.read(4) == _OLD_OFFICE:
                raise BadData("encrypted", "an encrypted document, or one of the old .doc format") from error
            raise BadData("unreadable document", str(error)) from error
        self.names = frozenset(self._zip.namelist())

    def read(self, name: str) -> bytes:
        try:
            with self._zip.open(name) as part:
                data = part.read(self._left + 1)
        except KeyError as error:
            raise BadData("unreadable document", f"has no part {name}") from error
        except RuntimeError as error:
            raise BadData("encrypted", str(error)) from error
        except ZIP_ERRORS as error:
            raise BadData("unreadable document", str(error)) from error
        self._left -= len(data)
        if self._left < 0:
            raise BadData("too large", f"more than {self._limit} bytes unpacked")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._zip.close()
