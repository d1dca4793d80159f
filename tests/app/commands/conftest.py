"""A used registry, as the backups have it."""

from tests.app.backup.conftest import empty_database, make_place, model_folders, used

__all__ = ["empty_database", "make_place", "model_folders", "used"]
