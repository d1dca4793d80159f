"""Requests that share one generation: fan-out, late join, leaving, failing."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from app.gateway.answer import Piece
from app.gateway.cache.cache import Answer, ResponseCache
from app.gateway.cache.recording import Event
from cluster.errors import OverloadedError, UnavailableError


class Generation:
    """A generation that goes on when it is told to."""

    def __init__(self) -> None:
        self.steps: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self.started = self.closed = 0

    async def __call__(self) -> AsyncGenerator[Event, None]:
        self.started += 1
        try:
            while (step := await self.steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                yield 0, step
        finally:
            self.closed += 1

    def say(self, *texts: str, end: bool = False) -> None:
        for text in texts:
            self.steps.put_nowait(Piece(text, tokens=1))
        if end:
            self.steps.put_nowait(Piece(finish="stop"))
            self.steps.put_nowait(None)


class Cache(ResponseCache):
    """Writes down how requests are answered."""

    def __init__(self) -> None:
        super().__init__(1 << 20, None)
        self.told: list[str] = []

    def ask(self, key: str | None, generation: Generation) -> Answer:
        return self.answer(key, generation, self.told.append)


async def text_of(answer: Answer) -> str:
    return "".join([piece.text async for _, piece in answer.events()])


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_equal_requests_share_one_generation_and_the_next_is_a_hit() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        answers = [cache.ask("k", generation) for _ in range(5)]
        reading = [asyncio.create_task(text_of(each)) for each in answers]
        await settle()
        generation.say("青石", "镇", end=True)
        assert await asyncio.gather(*reading) == ["青石镇"] * 5
        assert await text_of(cache.ask("k", generation)) == "青石镇"
        assert generation.started == 1
        assert sorted(cache.told) == ["hit", "joined", "joined", "joined", "joined", "miss"]

    asyncio.run(run())


def test_a_late_reader_gets_what_was_sent_at_once_and_then_follows() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        first = asyncio.create_task(text_of(cache.ask("k", generation)))
        generation.say("一", "二", "三")
        await settle()
        late = cache.ask("k", generation)
        events = late.events()
        assert (await anext(events))[1].text == "一二三"
        assert cache.told[-1] == "joined"
        generation.say("四", end=True)
        assert (await anext(events))[1].text == "四"
        assert await first == "一二三四"

    asyncio.run(run())


def test_the_first_may_leave_while_others_read_and_the_last_ends_the_generation() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        first = asyncio.create_task(text_of(cache.ask("k", generation)))
        await settle()
        second = asyncio.create_task(text_of(cache.ask("k", generation)))
        generation.say("一")
        await settle()
        first.cancel()
        await settle()
        assert not generation.closed
        second.cancel()
        await settle()
        assert generation.closed == 1
        fresh = asyncio.create_task(text_of(cache.ask("k", generation)))
        await settle()
        generation.say("新", end=True)
        assert await fresh == "新"
        assert generation.started == 2

    asyncio.run(run())


def test_a_follower_takes_over_where_nothing_came_and_the_others_join_it() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        reading = [asyncio.create_task(text_of(cache.ask("k", generation))) for _ in range(4)]
        await settle()
        generation.steps.put_nowait(UnavailableError("the replica is gone"))
        await settle()
        generation.say("好", end=True)
        results = await asyncio.gather(*reading, return_exceptions=True)
        assert isinstance(results[0], UnavailableError)
        assert results[1:] == ["好"] * 3
        assert generation.started == 2
        assert sorted(cache.told) == ["joined", "joined", "miss"]

    asyncio.run(run())


def test_what_began_to_come_fails_aloud_for_all_and_is_not_kept() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        reading = [asyncio.create_task(text_of(cache.ask("k", generation))) for _ in range(3)]
        generation.say("一半")
        await settle()
        generation.steps.put_nowait(UnavailableError("the replica is gone"))
        results = await asyncio.gather(*reading, return_exceptions=True)
        assert [type(each) for each in results] == [UnavailableError] * 3
        assert generation.started == 1
        assert cache.entries == 0

    asyncio.run(run())


@pytest.mark.parametrize("same", [OverloadedError("full")])
def test_a_refusal_is_for_all_who_ask_the_same(same: Exception) -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        reading = [asyncio.create_task(text_of(cache.ask("k", generation))) for _ in range(3)]
        await settle()
        generation.steps.put_nowait(same)
        results = await asyncio.gather(*reading, return_exceptions=True)
        assert results == [same] * 3
        assert generation.started == 1

    asyncio.run(run())


def test_a_crowd_does_not_try_one_after_the_other() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        reading = [asyncio.create_task(text_of(cache.ask("k", generation))) for _ in range(50)]
        for _ in range(50):
            await settle()
            generation.steps.put_nowait(UnavailableError("the replica is gone"))
        results = await asyncio.gather(*reading, return_exceptions=True)
        assert all(isinstance(each, UnavailableError) for each in results)
        assert generation.started <= 3

    asyncio.run(run())


def test_without_a_name_each_generates_for_itself() -> None:
    async def run() -> None:
        cache, generation = Cache(), Generation()
        for _ in range(2):
            generation.say("好", end=True)
            assert await text_of(cache.ask(None, generation)) == "好"
        assert generation.started == 2
        assert cache.told == ["off", "off"]
        assert cache.entries == 0

    asyncio.run(run())
