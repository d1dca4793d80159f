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


def test_a_closed_loop_is_no_error() -> None:
    outbox = Outbox()
    outbox.put(quiet_stream(), Chunk((1,)))
    outbox.send()
    assert threading.main_thread().is_alive()
