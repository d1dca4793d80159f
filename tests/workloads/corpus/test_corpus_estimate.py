"""The plan's model: linear in bytes, monotone in machines, and where one run ends."""

from dataclasses import replace

import pytest

from workloads.corpus.dedup.candidates import KEY
from workloads.corpus.estimate import (
    BLOCKS,
    CANDIDATES,
    DECISIONS,
    DIGESTS,
    DOCUMENTS,
    INDEX,
    KEYS,
    LEAST_COMPARED_SHARE,
    LINES,
    LINKS,
    TEXTS,
    Costs,
    estimate,
)
from workloads.corpus.limits import MOST_ARGUMENTS, Input, largest_run, spread

_PLAIN, _PACKED = Input(1e9, False, 64 << 20), Input(57e6, True, 64 << 20)


@pytest.fixture
def costs() -> Costs:
    """20 MB of text in 3,000 documents, of which a fifth have candidates."""
    return Costs(
        raw_bytes=8_000_000,
        documents=3_000,
        undropped=2_900,
        kept=2_800,
        text_bytes=20_000_000,
        undropped_bytes=19_000_000,
        kept_bytes=18_000_000,
        kept_characters=6_500_000,
        seconds={"reading": 0.6, "cleaning": 2.8},
        exchanged={
            LINES: 3_000_000,
            BLOCKS: 650_000,
            DIGESTS: 190_000,
            KEYS: 2_900 * 20 * KEY.itemsize,
            CANDIDATES: 50_000,
            TEXTS: 3_800_000,
            LINKS: 60_000,
            DOCUMENTS: 18_200_000,
            INDEX: 600_000,
            DECISIONS: 400_000,
        },
        blocks={"read": 20_500_000, "cleaned": 20_000_000},
        written={"documents": 9_000_000, "index": 550_000, "decisions": 50_000},
        compared_share=0.2,
        memory_factor=8.0,
    )


def test_everything_grows_with_the_bytes(costs: Costs) -> None:
    small, large = estimate(costs, 1e9), estimate(costs, 1e12)
    assert large.total_processor_hours == pytest.approx(1000 * small.total_processor_hours)
    assert large.shuffled_bytes == pytest.approx(1000 * small.shuffled_bytes)
    assert large.spilled_bytes == pytest.approx(1000 * small.spilled_bytes)
    assert {name: size / 1000 for name, size in large.written.items()} == pytest.approx(dict(small.written))


def test_the_part_itself_is_what_was_measured(costs: Costs) -> None:
    whole = estimate(costs, costs.raw_bytes)
    assert dict(whole.exchanged) == pytest.approx(dict(costs.exchanged))
    assert whole.shuffled_bytes == pytest.approx(sum(costs.exchanged.values()) - costs.exchanged[BLOCKS])
    assert 3600 * whole.total_processor_hours == pytest.approx(3.4)
    assert whole.spilled_bytes == pytest.approx(20_000_000 + 650_000 + 190_000 + 1_160_000 + 50_000 + 3_800_000 + 60_000)


def test_more_machines_take_less_time_and_less_disk(costs: Costs) -> None:
    whole = estimate(costs, 1e13)
    hours = [whole.time(machines, 32).hours for machines in (1, 2, 4, 16, 64)]
    assert hours == sorted(hours, reverse=True)
    assert len(set(hours)) == len(hours)
    assert whole.disk_per_machine(4) == pytest.approx(whole.disk_per_machine(1) / 4)


@pytest.mark.parametrize("hours", [1, 24, 10_000])
def test_machines_for_some_hours_are_enough_and_no_more(costs: Costs, hours: int) -> None:
    whole = estimate(costs, 1e14)
    machines = whole.machines(hours, 32)
    assert whole.time(machines, 32).hours <= hours * (1 + 1e-9)
    assert machines == 1 or whole.time(machines - 1, 32).hours > hours


def test_few_processors_are_waited_for_and_many_wait_for_the_disk(costs: Costs) -> None:
    whole = estimate(costs, 1e13)
    assert whole.time(4, 1).waits_for == "processors"
    assert whole.time(4, 1000).waits_for == "disk"


def test_copies_are_counted_at_the_least_where_the_part_holds_few(costs: Costs) -> None:
    few = estimate(replace(costs, compared_share=LEAST_COMPARED_SHARE / 2), costs.raw_bytes)
    assert few.exchanged[TEXTS] == pytest.approx(2 * costs.exchanged[TEXTS])
    none = estimate(replace(costs, compared_share=0.0), costs.raw_bytes)
    assert none.exchanged[TEXTS] == pytest.approx(costs.undropped_bytes * LEAST_COMPARED_SHARE)


def test_exact_duplicates_alone_compare_no_texts(costs: Costs) -> None:
    exchanged = {kind: size for kind, size in costs.exchanged.items() if kind not in (KEYS, CANDIDATES, TEXTS, LINKS)}
    whole = estimate(replace(costs, exchanged=exchanged, compared_share=0.0), 1e12)
    assert set(whole.exchanged) == set(exchanged)


def test_a_large_vocabulary_takes_four_bytes(costs: Costs) -> None:
    assert estimate(costs, 1e9, 4).written["tokens"] == pytest.approx(2 * estimate(costs, 1e9).written["tokens"])


@pytest.mark.parametrize("given", [_PLAIN, _PACKED])
def test_one_run_ends_somewhere(costs: Costs, given: Input) -> None:
    most = largest_run(costs, given, 1e13)
    assert 1e9 < most < 1e13
    assert spread(estimate(costs, most), costs.memory_factor, given).fits()
    assert not spread(estimate(costs, 1.1 * most), costs.memory_factor, given).fits()
    assert largest_run(costs, given, 1e8) == 1e8
    assert most < largest_run(costs, given, 1e13, 64e9) < 1e13


def test_objects_grow_with_the_square(costs: Costs) -> None:
    """Blocks times partitions: what a second round would mend."""
    one = spread(estimate(costs, 1e12), costs.memory_factor, _PLAIN)
    ten = spread(estimate(costs, 1e13), costs.memory_factor, _PLAIN)
    assert one.blocks > MOST_ARGUMENTS
    assert ten.objects > 50 * one.objects
