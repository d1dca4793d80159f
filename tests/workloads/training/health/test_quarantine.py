"""The list of what was left out: whole again after a restart, and odd rows first."""

import math

from cluster.artifacts import ArtifactStore
from workloads.training.health.quarantine import FILE, LeftOut, Quarantine, SuspectRow, suspects
from workloads.training.run_folder import RunFolder


def test_it_comes_back_as_it_was_written(store: ArtifactStore) -> None:
    folder = RunFolder.of(store, "f" * 20)
    assert Quarantine.read(folder).entries() == []
    written = Quarantine()
    written.add(LeftOut(9, "before bad steps", rows=(SuspectRow(4, ("a",)),)))
    written.add(LeftOut(7, "loss is no number", rolled_back_to=6, rows=(SuspectRow(3, ("b", "c"), 2.5),)))
    written.write(folder)
    again = Quarantine.read(folder)
    assert again.entries() == [written.entries()[0], written.entries()[1]]
    assert [entry.step for entry in again.entries()] == [7, 9]
    assert (again.reason(7), again.reason(8)) == ("loss is no number", "")
    assert again.rollbacks == 1
    assert b"loss is no number" in (folder.read(FILE) or b"")


def test_a_row_of_steps_is_followed_to_its_first() -> None:
    quarantine = Quarantine(LeftOut(step, "loss spike") for step in (3, 5, 6))
    assert [quarantine.first_of_row(step) for step in (3, 4, 5, 7, 9)] == [3, 3, 5, 5, 9]


def test_rows_without_a_number_come_first_then_the_largest_losses() -> None:
    found = suspects([10, 11, 12, 13], [1.0, math.nan, 9.0, math.inf], lambda row: (f"d{row}",))
    assert [(each.row, each.loss) for each in found] == [(11, None), (13, None), (12, 9.0), (10, 1.0)]
    assert found[0].documents == ("d11",)


def test_rows_that_were_not_measured_keep_their_order() -> None:
    assert [each.row for each in suspects([5, 3, 4], [], lambda row: ())] == [5, 3, 4]
