"""What a recipe may say about the registry, and where its database is."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.config import Spec

_SQLITE = "sqlite:///"


class RegistrySpec(Spec):
    """Where revisions are registered, and under which name."""

    name: str = Field(
        "", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$", description="registered model; empty: the recipe's name"
    )
    tracking_uri: str = Field("", description="MLflow tracking and registry URI; empty: a SQLite file in the store")

    @field_validator("tracking_uri")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if value and urlsplit(value).password:
            raise ValueError(
                "a recipe is saved with every artifact: leave the password to the environment of MLflow or the database"
            )
        return value

    def resolve(self, store: ArtifactStore, folder: Path) -> str:
        """The tracking URI: the recipe's (a relative SQLite path starts at `folder`), else `<store>/registry/mlflow.db`.

        SQLite wants a local disk: for a store on an object store the file is kept in the user's home folder.
        """
        if self.tracking_uri.startswith(_SQLITE):
            return _SQLITE + str(folder / self.tracking_uri.removeprefix(_SQLITE))
        if self.tracking_uri:
            return self.tracking_uri
        return _SQLITE + str(local_database(store))


def local_database(store: ArtifactStore) -> Path:
    """The SQLite file that belongs to a store where no tracking URI is given."""
    if store.root.is_local:
        return Path(store.root.path) / "registry" / "mlflow.db"
    name = storage.sha256_of_bytes(store.root.path.encode())[:12]
    return Path("~/.hanlin/registry").expanduser() / name / "mlflow.db"
