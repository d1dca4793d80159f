"""The block pool: what is shared, what is given back, what is forgotten first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.serving.engine.openvino.blocks import BLOCK_TOKENS, BlockPool


def prompt(*starts: int, rest: int = 1) -> list[int]:
    """A block of equal tokens for each start, and `rest` tokens more."""
    return [start for start in starts for _ in range(BLOCK_TOKENS)] + [0] * rest


def fill(pool: BlockPool, tokens: list[int]) -> list[int]:
    """What an engine does with a prompt: the blocks that it ends up with."""
    blocks, place = pool.find(tokens)
    for end in range((len(blocks) + 1) * BLOCK_TOKENS, len(tokens), BLOCK_TOKENS):
        blocks.append(pool.take())
        place = pool.know(blocks[-1], place, tokens[end - BLOCK_TOKENS : end])
    return blocks


def test_equal_beginnings_share_blocks_and_different_ones_do_not() -> None:
    pool = BlockPool(8, most_idle=100)
    first = fill(pool, prompt(1, 2, 3))
    assert fill(pool, prompt(1, 2, 4))[:2] == first[:2]
    assert not set(fill(pool, prompt(2, 3))) & set(first), "the same tokens after others are not the same"


def test_one_token_is_always_left_to_compute() -> None:
    pool = BlockPool(4, most_idle=100)
    fill(pool, prompt(1, 2))
    assert len(pool.find(prompt(1, 2, rest=0))[0]) == 1


def test_known_blocks_outlive_their_request_until_others_need_them() -> None:
    pool = BlockPool(3, most_idle=100)
    pool.release(fill(pool, prompt(1, 2, 3)))
    assert len(pool.find(prompt(1, 2, 3))[0]) == 3


def test_the_end_of_the_oldest_chain_is_forgotten_first() -> None:
    pool = BlockPool(4, most_idle=100)
    pool.release(fill(pool, prompt(1, 2)))
    pool.release(fill(pool, prompt(3, 4)))
    pool.take()
    assert len(pool.find(prompt(1, 2))[0]) == 1
    assert len(pool.find(prompt(3, 4))[0]) == 2


def test_a_forgotten_block_takes_its_followers_along() -> None:
    pool = BlockPool(2, most_idle=100)
    first, second = fill(pool, prompt(1, 2))
    pool.release([second])
    pool.release([first])
    taken = pool.take()
    pool.know(taken, 0, [9] * BLOCK_TOKENS)
    assert pool.find(prompt(1, 2))[0] in ([], [first]), "never the second without the first"
    assert pool.find(prompt(9, 2))[0] == [taken]


def test_no_more_than_the_most_are_kept_idle_while_others_are_free() -> None:
    pool = BlockPool(100, most_idle=2)
    for start in range(1, 10):
        pool.release(fill(pool, prompt(start)))
    assert [len(pool.find(prompt(start))[0]) for start in range(1, 10)] == [0] * 7 + [1, 1]
    assert pool.take() < 3, "memory that was never touched stays so"


def test_a_second_copy_of_known_content_stays_its_owners_alone() -> None:
    pool = BlockPool(3, most_idle=100)
    (known,) = fill(pool, prompt(1))
    copy = pool.take()
    assert pool.know(copy, 0, [1] * BLOCK_TOKENS) == pool.find(prompt(1))[1]
    pool.release([copy])
    assert pool.take() in {0, 1, 2} - {known}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.booleans()), max_size=40))
def test_no_block_ever_has_two_contents(events: list[tuple[list[int], bool]]) -> None:
    """Prompts come and go at random: a block in use always holds what its users take it for."""
    pool = BlockPool(4 * 3, most_idle=100)
    held: list[tuple[list[int], list[int]]] = []
    for starts, leaves in events:
        if len(held) == 4 or (leaves and held):
            pool.release(held.pop(0)[1])
            continue
        held.append((starts, fill(pool, prompt(*starts))))
        content: dict[int, tuple[int, ...]] = {}
        for known, blocks in held:
            for index, block in enumerate(blocks):
                assert content.setdefault(block, tuple(known[: index + 1])) == tuple(known[: index + 1])
