"""A used registry with two revisions of real, tiny models; what a disaster takes away; and an S3-protocol server."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.backup.make import Source
from app.backup.restore import Target
from app.registry import Registry
from app.registry.spec import RegistrySpec, local_database
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from tests.app.registry.conftest import empty_database
from tests.cluster.conftest import s3_bucket, s3_server
from tests.workloads.serving.tiny_model import commit_model, write_model

__all__ = ["empty_database", "s3_bucket", "s3_server"]


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("models")
    return [write_model(root / str(seed), seed) for seed in (1, 2)]


@dataclass(frozen=True)
class Place:
    """A store on a local disk with its registry of the model `tiny`."""

    store: ArtifactStore
    registry: Registry

    @property
    def tracking_uri(self) -> str:
        return RegistrySpec().resolve(self.store, Path.cwd())

    @property
    def source(self) -> Source:
        return Source(self.store, self.tracking_uri)

    def target(self, replace: bool = False) -> Target:
        return Target(self.store, self.tracking_uri, replace)

    def lose(self) -> None:
        """All of it is gone."""
        shutil.rmtree(self.store.root.path)


MakePlace = Callable[[str], Place]


@pytest.fixture
def make_place(tmp_path: Path) -> MakePlace:
    def make(name: str) -> Place:
        store = ArtifactStore(str(tmp_path / name))
        return Place(store, Registry("tiny", store, RegistrySpec().resolve(store, tmp_path)))

    return make


@pytest.fixture
def used(make_place: MakePlace, model_folders: list[Path], empty_database: Path) -> Place:
    """Revision 1 was production and is again after a rollback; revision 2 has been; both are evaluated."""
    place = make_place("used")
    database = local_database(place.store)
    database.parent.mkdir(parents=True)
    shutil.copyfile(empty_database, database)
    for seed, folder in enumerate(model_folders, start=1):
        model = commit_model(place.store, folder, str(seed))
        place.store.set_ref("tiny", model)
        place.registry.register(model, evaluated(place.store, model), {"name": "tiny", "seed": seed})
    place.registry.promote("2", "better")
    place.registry.rollback("worse after all")
    return place


def evaluated(store: ArtifactStore, model: Artifact) -> Artifact:
    work = Work("evaluation", {}, {"model": model.fingerprint}, 1)
    with store.draft(work) as draft:
        draft.write("report.json", b"{}")
        draft.metrics["bits_per_character"] = 2.5
    return store.open("evaluation", work.fingerprint)
