"""Every decision of a release as a line of the audit log, once, also where the process that decided did not live to tell."""

from app.release.ports import Book
from app.release.state import Decision, Phase, Release

_BACK = ("rollback", "abort")


class Chronicle:
    """Writes what is not written yet."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._release, self._told = "", 0

    def tell(self, release: Release) -> None:
        """A line for every decision that has none."""
        if release.id != self._release:
            self._release, self._told = release.id, self._book.lines_about(release.id)
        for decision in release.decisions[self._told :]:
            self._write(release, decision)
            self._told += 1

    def close(self, release: Release) -> None:
        """The alias `production` of a release that was promoted. Doing it again changes nothing."""
        if release.phase is not Phase.PROMOTED or self._book.production() == release.new:
            return
        reason = f"{release.decisions[-1].reason} (release {release.id})"
        if release.plan.back:
            self._book.go_back(reason)
        else:
            self._book.promote(release.new, reason)

    def _write(self, release: Release, decision: Decision) -> None:
        back = decision.action in _BACK
        before, after = (release.new, release.old) if back else (release.old, release.new)
        reason = f"{decision.reason} [{decision.share:.0%} to {release.model}@{release.new}] (release {release.id})"
        self._book.note(f"release_{decision.action}", before, after, reason)
