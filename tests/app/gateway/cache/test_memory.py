"""Bounded bytes, least recently used first."""

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.cache.memory import Memory


def test_what_was_not_used_for_longest_goes_first() -> None:
    memory: Memory[str] = Memory(3 * 400)
    for key in "abc":
        memory.put(key, key, 100)
    assert memory.get("a") == "a"
    memory.put("d", "d", 100)
    assert [memory.get(key) for key in "abcd"] == ["a", None, "c", "d"]


def test_a_value_larger_than_the_room_is_not_kept_and_takes_nothing_away() -> None:
    memory: Memory[str] = Memory(1000)
    memory.put("a", "a", 100)
    memory.put("b", "b", 1000)
    assert (memory.get("a"), memory.get("b")) == ("a", None)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 1500))))
def test_the_bytes_never_exceed_the_room_and_are_those_of_the_entries(puts: list[tuple[str, int]]) -> None:
    memory: Memory[int] = Memory(2000)
    for key, size in puts:
        memory.put(key, size, size)
        assert memory.bytes <= 2000
    kept = [memory.get(key) for key in "abcdefgh"]
    assert memory.bytes == sum(size + 300 for size in kept if size is not None)
