"""What a release becomes by what somebody wishes. Asks the registry what may be; does nothing yet."""

import uuid

from app.release.course import by_hand
from app.release.desk import Wish
from app.release.ports import Book
from app.release.spec import ReleaseSpec
from app.release.state import Plan, Release, abort, begin, roll_back
from cluster.errors import UserError


def granted(wish: Wish, release: Release | None, ready: bool, model: str, book: Book, spec: ReleaseSpec, now: float) -> Release:
    """The release after a wish: a new one, or the present one changed. `ready`: its new revision is loaded and probed.
    Raises UserError for what cannot be now."""
    running = release if release is not None and not release.phase.final else None
    if wish.action == "start":
        return _start(wish, running, model, book, spec, now)
    if wish.action == "rollback" and running is None:
        return _go_back(wish, model, book, now)
    if running is None:
        raise UserError(f"no release is under way to {wish.action}", "", "start one with `hanlin release start`")
    if wish.action == "abort":
        return abort(running, now, wish.reason)
    if wish.action == "rollback":
        return roll_back(running, now, wish.reason)
    if not ready:
        raise UserError("the new revision is not loaded yet", "", "wait until `hanlin release status` shows a step")
    return by_hand(running, wish.reason, now)


def _start(wish: Wish, running: Release | None, model: str, book: Book, spec: ReleaseSpec, now: float) -> Release:
    if running is not None:
        raise UserError(
            f"a release of revision {running.new} is under way", "one at a time", "promote, abort or roll it back first"
        )
    old = book.production()
    if wish.revision == old:
        raise UserError(f"revision {old} is production already", "another revision", "see `hanlin models list`")
    book.require(wish.revision)
    steps = (wish.share, 1.0) if wish.compare else spec.steps
    shadow = 0.0 if wish.compare else spec.shadow
    plan = Plan(steps, spec.hold_seconds, spec.least_samples, shadow, wish.compare, wish.most_samples)
    return begin(uuid.uuid4().hex[:12], model, old, wish.revision, plan, now, wish.reason)


def _go_back(wish: Wish, model: str, book: Book, now: float) -> Release:
    """To the production revision before this one: all at once, as soon as it is loaded."""
    plan = Plan((1.0,), 0.0, 0, 0.0, back=True)
    return begin(uuid.uuid4().hex[:12], model, book.production(), book.before_production(), plan, now, wish.reason)
