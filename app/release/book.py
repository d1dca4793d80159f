"""The registry as a release uses it: who is production, who may become it, and the audit log."""

from dataclasses import dataclass

from app.registry.registry import Registry
from app.registry.revision import PRODUCTION


@dataclass
class RegistryBook:
    """Calls may take a while: the first one imports MLflow."""

    registry: Registry

    def production(self) -> int:
        return self.registry.show(PRODUCTION).number

    def before_production(self) -> int:
        return self.registry.before_production().number

    def require(self, revision: int) -> None:
        self.registry.admit(str(revision))

    def lines_about(self, release: str) -> int:
        entries = self.registry.audit.entries(self.registry.name)
        return sum(each.action.startswith("release_") and f"(release {release})" in each.reason for each in entries)

    def note(self, action: str, before: int, after: int, reason: str) -> None:
        self.registry.note(action, str(before), str(after), reason)

    def promote(self, revision: int, reason: str) -> None:
        self.registry.promote(str(revision), reason)

    def go_back(self, reason: str) -> None:
        self.registry.rollback(reason)
