"""Who runs, what a pass reads, and what a row knows of itself; no model."""

import asyncio
from typing import Any

from workloads.serving.engine.base import Request, Sampling
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.openvino.blocks import BLOCK_TOKENS
from workloads.serving.engine.openvino.schedule import Row, Schedule


def ask(name: str, prompt: int = 4, new: int = 8, **more: Any) -> tuple[Request, Stream]:
    async def stream() -> Stream:
        return Stream()

    return Request(name, tuple(range(1, prompt + 1)), new, **more), asyncio.run(stream())


def row(*arguments: Any, **more: Any) -> Row:
    request, stream = ask(*arguments, **more)
    return Row(request, stream, list(request.token_ids), len(request.token_ids))


def test_the_smaller_priority_runs_first_and_equals_in_order() -> None:
    schedule = Schedule(slots=3, max_context=64, most_idle=9)
    for each in (ask("late", priority=5), ask("a"), ask("b"), ask("first", priority=-1)):
        schedule.enqueue(*each)
    schedule.admit()
    assert [each.request.id for each in schedule.rows] == ["first", "a", "b"]
    assert schedule.waiting == 1


def test_a_pass_decodes_all_and_reads_prompts_within_the_budget() -> None:
    schedule = Schedule(slots=4, max_context=64, most_idle=9)
    for each in (ask("decodes"), ask("long", 40), ask("longer", 40), ask("waits", 40)):
        schedule.enqueue(*each)
    schedule.admit()
    schedule.rows[0].read = 3
    assert [(part.row.request.id, part.width, part.last) for part in schedule.plan(50)] == [
        ("decodes", 1, True),
        ("long", 40, True),
        ("longer", 10, False),
    ]


def test_blocks_are_there_before_the_pass_and_free_after_the_request() -> None:
    schedule = Schedule(slots=1, max_context=2 * BLOCK_TOKENS, most_idle=9)
    for name in "abc":
        schedule.enqueue(*ask(name, BLOCK_TOKENS + 1))
        schedule.admit()
        (part,) = schedule.plan(512)
        assert len(part.row.blocks) == 2
        schedule.passed(part)
        assert schedule.remove(name) is part.row


def test_an_equal_prompt_counts_as_read_unless_it_is_scored() -> None:
    schedule = Schedule(slots=2, max_context=4 * BLOCK_TOKENS, most_idle=9)
    schedule.enqueue(*ask("first", 2 * BLOCK_TOKENS + 5))
    schedule.admit()
    schedule.passed(schedule.plan(512)[0])
    schedule.remove("first")
    schedule.enqueue(*ask("again", 2 * BLOCK_TOKENS + 5))
    schedule.enqueue(*ask("scored", 2 * BLOCK_TOKENS + 5, sampling=Sampling(prompt_logprobs=0)))
    schedule.admit()
    assert [each.read for each in schedule.rows] == [2 * BLOCK_TOKENS, 0]


def test_a_waiting_request_can_be_removed_and_an_unknown_one_is_none() -> None:
    schedule = Schedule(slots=1, max_context=64, most_idle=9)
    for name in ("runs", "waits"):
        schedule.enqueue(*ask(name))
    schedule.admit()
    assert schedule.remove("waits") is not None
    assert schedule.remove("waits") is None
    assert (len(schedule.rows), schedule.waiting) == (1, 0)


def test_an_answer_ends_by_stop_token_length_or_context() -> None:
    stopped = row("s", stop_token_ids=frozenset({7}))
    assert stopped.accept(6, None, 64).finish is None
    assert stopped.accept(7, None, 64).finish == "stop"
    assert stopped.tokens[-1] == 6
    resumed = row("r", new=3, resume_tokens=(8, 9))
    assert resumed.accept(5, None, 64).finish == "length"
    assert row("c").accept(5, None, 5).finish == "length"
