"""Parts of a corpus' tables that can hold a document, told from their footers: parts in order of id need not be read for that."""

from collections.abc import Collection

import pyarrow.parquet as pq

from cluster import storage
from cluster.artifacts import Artifact
from cluster.manifest import FileEntry


def may_hold(corpus: Artifact, entry: FileEntry, identities: Collection[str]) -> bool:
    """Whether one of the ids is within the range of a row group of the part."""
    file = corpus.location / entry.path
    with storage.plain_errors("reading", file), file.filesystem.open_input_file(file.path) as stream:
        ranges = _ranges(pq.read_metadata(stream))
    return any(low <= each <= high for each in identities for low, high in ranges)


def _ranges(metadata: pq.FileMetaData) -> list[tuple[str, str]]:
    place = metadata.schema.names.index("id")
    groups = (metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups))
    return [(str(each.min), str(each.max)) for each in groups if each is not None and each.has_min_max]
