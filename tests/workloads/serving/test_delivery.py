"""Chunks reach the loop that waits for them, joined where it was slow."""

import asyncio
import threading

from workloads.serving.engine.base import Chunk, TokenScore
from workloads.serving.engine.delivery import Outbox, Stream


def quiet_stream() -> Stream:
    """A stream that nobody reads."""

    async def make() -> Stream:
        return Stream()

    return asyncio.run(make())


def test_chunks_from_another_thread_arrive_in_order_and_joined() -> None:
    async def run() -> list[Chunk]:
        stream, outbox = Stream(), Outbox()

        def send() -> None:
            for token in range(5):
                outbox.put(stream, Chunk((token,), (TokenScore(token, -1.0),), finish="length" if token == 4 else None))
            outbox.send()

        waiting = asyncio.create_task(stream.next())
        await asyncio.sleep(0)
        await asyncio.to_thread(send)
        return [await waiting]

    (chunk,) = asyncio.run(run())
    assert chunk.token_ids == (0, 1, 2, 3, 4)
    assert [score.token_id for score in chunk.scores] == [0, 1, 2, 3, 4]
    assert chunk.finish == "length"


def test_a_pause_joins_what_comes_in_it() -> None:
    async def run() -> list[tuple[int, ...]]:
        stream = Stream()
        stream.put(Chunk((0,)))
        first = await stream.next()
        waiting = asyncio.create_task(stream.next(stream.loop.time() + 0.02))
        await asyncio.sleep(0)
        for token in (1, 2):
            stream.put(Chunk((token,)))
        await asyncio.sleep(0)
        assert not waiting.done()
        second = await waiting
        stream.loop.call_soon(stream.put, Chunk((3,)))
        third = await stream.next(stream.loop.time() - 1)
        return [first.token_ids, second.token_ids, third.token_ids]

    assert asyncio.run(run()) == [(0,), (1, 2), (3,)]


def test_the_end_of_an_answer_ends_a_pause() -> None:
    async def run() -> Chunk:
        stream = Stream()
        waiting = asyncio.create_task(stream.next(stream.loop.time() + 3600))
        await asyncio.sleep(0)
        stream.put(Chunk((1,)))
        stream.put(Chunk((2,), finish="stop"))
        return await waiting

    assert asyncio.run(run()).token_ids == (1, 2)


def test_a_closed_loop_is_no_error() -> None:
    outbox = Outbox()
    outbox.put(quiet_stream(), Chunk((1,)))
    outbox.send()
    assert threading.main_thread().is_alive()
