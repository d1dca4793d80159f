"""What is kept of a release, and how wishes are left."""

from app.release.desk import Desk, Look, Wish
from app.release.state import Plan, begin
from cluster.artifacts import ArtifactStore


def test_nothing_is_there_at_first(store: ArtifactStore) -> None:
    desk = Desk(store, "lm")
    assert (desk.load(), desk.look(), desk.waiting()) == (None, None, [])


def test_what_is_kept_is_read_by_another(store: ArtifactStore) -> None:
    release = begin("r", "lm", 1, 2, Plan((1.0,), 0, 0, 0), 1.5, "原因")
    look = Look(2.0, "shadow", "10 answers", {"errors": "0 of 1"}, "note")
    Desk(store, "lm").save(release)
    Desk(store, "lm").show(look)
    assert Desk(store, "lm").load() == release
    assert Desk(store, "lm").look() == look
    assert Desk(store, "other").load() is None


def test_wishes_are_seen_to_in_the_order_they_came(store: ArtifactStore) -> None:
    desk = Desk(store, "lm")
    names = [desk.ask(Wish("start", "a", 2)), desk.ask(Wish("abort", "b"))]
    assert Desk(store, "lm").waiting() == names
    assert desk.wish(names[0]) == Wish("start", "a", 2)
    desk.done(names[0])
    assert desk.waiting() == names[1:]
