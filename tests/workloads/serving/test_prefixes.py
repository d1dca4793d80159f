"""Beginnings of prompts find the replica that has read them, as long as it has no more to do than its share."""

import random
from collections import Counter

import pytest

from workloads.serving.prefixes import BLOCK, Prefixes, has_room

SYSTEM = tuple(range(5 * BLOCK))


def test_the_longest_beginning_decides() -> None:
    prefixes: Prefixes[str] = Prefixes()
    prefixes.note((*SYSTEM, *[1] * BLOCK), "a")
    prefixes.note((*SYSTEM, *[2] * BLOCK), "b")
    assert prefixes.reader((*SYSTEM, *[1] * BLOCK, 7, 8), {"a", "b"}) == "a"
    assert prefixes.reader((*SYSTEM, 7), {"a", "b"}) == "b", "the newest reader of what both have read"
    assert prefixes.reader((*SYSTEM, *[1] * BLOCK), {"b"}) == "b", "of those that are still there"
    assert prefixes.reader((9, *SYSTEM), {"a", "b"}) is None
    assert prefixes.reader(SYSTEM[: BLOCK - 1], {"a", "b"}) is None, "less than a block"
    assert prefixes.reader((), {"a"}) is None


def test_what_all_prompts_begin_with_is_no_reason() -> None:
    prefixes: Prefixes[str] = Prefixes()
    prefixes.note((*SYSTEM[:BLOCK], *[1] * 4 * BLOCK), "a")
    assert prefixes.reader((*SYSTEM[:BLOCK], *[2] * 3 * BLOCK), {"a"}) == "a"
    assert prefixes.reader((*SYSTEM[:BLOCK], *[2] * 4 * BLOCK), {"a"}) is None, "a fifth of the prompt"


def test_beginnings_not_used_are_forgotten_first() -> None:
    prefixes: Prefixes[str] = Prefixes(capacity=2)
    for start in (0, 1000, 0, 2000):
        prefixes.note(tuple(range(start, start + BLOCK)), "a")
    known = [start for start in (0, 1000, 2000) if prefixes.reader(tuple(range(start, start + BLOCK)), {"a"})]
    assert known == [0, 2000]


@pytest.mark.parametrize(
    ("requests", "room"), [((0, 0), True), ((2, 0), False), ((4, 4), True), ((8, 4), True), ((9, 4), False)]
)
def test_no_replica_gets_more_than_its_share_and_a_bit(requests: tuple[int, int], room: bool) -> None:
    assert has_room("a", {"a": requests[0], "b": requests[1]}) is room


def test_one_prompt_for_all_still_uses_every_replica() -> None:
    """1,000 requests with the same beginning, of which 40 are on their way at any time, on four replicas."""
    numbers, most = random.Random(1), 0
    prefixes: Prefixes[str] = Prefixes()
    requests: Counter[str] = Counter(dict.fromkeys("abcd", 0))
    running: list[str] = []
    for _ in range(1000):
        reader = prefixes.reader(SYSTEM, requests)
        if reader is None or not has_room(reader, requests):
            reader = min(numbers.sample("abcd", 2), key=lambda each: requests[each])
        prefixes.note(SYSTEM, reader)
        requests[reader] += 1
        running.append(reader)
        if len(running) > 40:
            requests[running.pop(numbers.randrange(len(running)))] -= 1
        most = max(most, *requests.values())
    assert most <= 14, "the mean is 10"
