"""From a published adapter to its weights in the decoder's form. Not for how long they stay (shelf.py)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import dtype

from cluster.artifacts import open_artifact
from cluster.errors import ArtifactError, ModelNotFoundError
from cluster.observe import logs
from workloads.serving.engine.adapters.files import LowRank, Shapes, count_numbers, read_adapter
from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.adapters.unfit import UnfitAdapterError
from workloads.serving.engine.base import Adapter

_LOG = logging.getLogger(__name__)
_COPIES = 2
"""Of every weight: the adapter's own, and the one beside the others of a batch."""


class Adaptable(Protocol):
    """What the reader needs of a decoder."""

    dtype: dtype

    def adapt(self, layers: Mapping[str, LowRank]) -> Loaded:
        """An adapter's changes in the decoder's own form. Raises UnfitAdapterError for a layer that it cannot change."""


@dataclass(frozen=True)
class Reader:
    """For one decoder, whose linear layers have these shapes."""

    decoder: Adaptable
    shapes: Shapes

    def folder(self, adapter: Adapter) -> Path:
        """The adapter's files on this machine, every byte checked. Raises ModelNotFoundError where they are gone,
        ArtifactError where they have changed."""
        try:
            artifact = open_artifact(adapter.uri)
        except ArtifactError as error:
            raise ModelNotFoundError(
                f"the adapter {adapter.name} is gone", "one that is published", "publish it again", param="model"
            ) from error
        try:
            if artifact.kind != "adapter" or artifact.content_hash != adapter.content:
                raise ArtifactError(f"{artifact} is not {adapter.content}")
            return artifact.local_folder()
        except ArtifactError as error:  # it names places that are no client's business
            logs.event(_LOG, "adapter_changed", logging.ERROR, adapter=adapter.name, reason=str(error))
            raise ArtifactError(
                f"the adapter {adapter.name} is not what was published", "an artifact never changes", "publish it again"
            ) from error

    def bytes(self, adapter: Adapter, folder: Path) -> int:
        """Memory that it will take. Raises UserError where its file cannot be read."""
        try:
            return _COPIES * self.decoder.dtype.itemsize * count_numbers(folder)
        except UnfitAdapterError as error:
            raise error.told(f"the adapter {adapter.name}") from error

    def load(self, adapter: Adapter, folder: Path) -> Loaded:
        """Raises UserError where it does not fit this model."""
        try:
            return self.decoder.adapt(read_adapter(folder, self.shapes))
        except UnfitAdapterError as error:
            raise error.told(f"the adapter {adapter.name}") from error
