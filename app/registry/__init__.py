"""The registry: revisions of models with where they came from, the aliases that say what is served, and who changed it."""

from app.registry.audit import AuditEntry, AuditLog
from app.registry.registry import Registry, open_registry
from app.registry.revision import Node, Revision
from app.registry.spec import RegistrySpec

__all__ = ["AuditEntry", "AuditLog", "Node", "Registry", "RegistrySpec", "Revision", "open_registry"]
