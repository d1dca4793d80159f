"""Answers as bytes: what is written is what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.answer import Piece, ScoredToken
from app.gateway.cache.recording import Recording, join

floats = st.floats(-50, 0)
scores = st.builds(
    ScoredToken,
    data=st.binary(max_size=6),
    logprob=st.none() | floats,
    top=st.lists(st.tuples(st.binary(max_size=4), floats), max_size=3).map(tuple),
    offset=st.integers(0, 99),
)
pieces = st.builds(
    Piece,
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    scores=st.lists(scores, max_size=3).map(tuple),
    tokens=st.integers(0, 99),
    finish=st.none() | st.sampled_from(["stop", "length"]),
)


@given(st.lists(st.tuples(st.integers(0, 3), pieces)))
def test_bytes_and_back(events: list[tuple[int, Piece]]) -> None:
    recording = Recording(tuple(events))
    assert Recording.from_bytes(recording.to_bytes()) == recording


@given(st.lists(st.tuples(st.integers(0, 3), pieces)))
def test_joined_events_say_the_same(events: list[tuple[int, Piece]]) -> None:
    joined = dict(join(events))
    for index in {index for index, _ in events}:
        own = [piece for each, piece in events if each == index]
        assert joined[index].text == "".join(piece.text for piece in own)
        assert joined[index].tokens == sum(piece.tokens for piece in own)
        assert joined[index].finish == own[-1].finish


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"[[0,1]]", b'[["a","b",3,4,5]]', b"\xff"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a kept answer"):
        Recording.from_bytes(data)
