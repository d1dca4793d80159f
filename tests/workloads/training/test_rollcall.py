"""Who meets whom: all who are left, the one that has come furthest as the source, ranks that stay."""

import pytest

from workloads.training.rollcall import TORN, CatchUp, Meeting, Member, RollCall

ANNA, BO, CAI = (Member(name, place) for place, name in enumerate(("anna", "bo", "cai")))


def met(call: RollCall, **progress: int) -> Meeting:
    for member in (ANNA, BO, CAI):
        if member.name in progress:
            call.arrive(member, progress[member.name])
    meeting = call.meet()
    assert meeting is not None
    return meeting


def test_the_first_meeting_waits_for_all_that_were_hired_whatever_their_order() -> None:
    call = RollCall(expected=2)
    call.arrive(BO, 1)
    assert call.meet() is None
    assert call.waiting
    call.arrive(ANNA, 1)
    assert call.meet() == Meeting(1, (ANNA, BO), source=0, behind=frozenset({1}))
    assert not call.waiting


def test_it_may_begin_with_fewer_where_the_rest_finds_no_room() -> None:
    call = RollCall(expected=3)
    call.arrive(BO, 1)
    call.expect(1)
    assert call.meet() == Meeting(1, (BO,), source=0, behind=frozenset())


def test_who_is_lost_is_not_waited_for() -> None:
    call = RollCall(expected=3)
    met(call, anna=1, bo=1, cai=1)
    call.arrive(ANNA, 5)
    call.arrive(CAI, 5)
    assert call.meet() is None
    assert call.missing() == (BO,)
    call.lose(BO)
    assert call.meet() == Meeting(2, (ANNA, CAI), source=0, behind=frozenset())


def test_who_has_not_applied_the_last_step_copies_from_one_that_has() -> None:
    call = RollCall(expected=3)
    met(call, anna=1, bo=1, cai=1)
    meeting = met(call, anna=7, bo=9, cai=9)
    assert (meeting.source, meeting.behind) == (1, {0})
    assert [meeting.catch_up(member) for member in (ANNA, BO)] == [CatchUp(1, behind=True), CatchUp(1, behind=False)]


def test_a_replacement_takes_the_place_of_the_lost_one_behind_the_others() -> None:
    call = RollCall(expected=3)
    met(call, anna=1, bo=1, cai=1)
    again = Member("anna-again", ANNA.place)
    call.arrive(again, 1)
    assert set(call.missing()) == {BO, CAI}  # the news that anna is dead may come later than who replaces her
    meeting = met(call, bo=9, cai=9)
    assert meeting.members == (BO, CAI, again)
    assert (meeting.source, meeting.behind) == (0, {2})


def test_who_is_new_copies_even_where_it_has_come_as_far() -> None:
    call = RollCall(expected=1)
    met(call, anna=9)
    assert met(call, anna=9, bo=9).behind == {1}


def test_a_newcomer_with_a_later_checkpoint_is_the_source() -> None:
    call = RollCall(expected=1)
    met(call, anna=1)
    meeting = met(call, anna=9, bo=11)
    assert (meeting.source, meeting.behind) == (1, {0})


def test_a_half_copied_state_is_never_a_source_unless_there_is_no_other() -> None:
    call = RollCall(expected=2)
    met(call, anna=1, bo=1)
    assert met(call, anna=TORN, bo=9).source == 1
    assert met(call, anna=TORN, bo=TORN).behind == {0, 1}


@pytest.mark.parametrize("lost", [ANNA, BO, CAI])
def test_a_meeting_that_is_under_way_needs_nobody_who_is_lost_meanwhile(lost: Member) -> None:
    call = RollCall(expected=3)
    met(call, anna=1, bo=1, cai=1)
    for member in (ANNA, BO, CAI):
        call.arrive(member, 3)
    call.lose(lost)
    meeting = call.meet()
    assert meeting is not None
    assert lost not in meeting.members
    assert len(meeting.members) == 2
