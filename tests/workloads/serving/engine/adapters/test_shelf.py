"""Who is held, who makes room, who waits: with a source that makes adapters of a given size and can be told to wait."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cluster.errors import OverloadedError, UnavailableError, UserError
from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.adapters.shelf import Shelf
from workloads.serving.engine.base import Adapter


class Source:
    """Each adapter takes 40 bytes; `bad` ones fail; `gate` holds loading up."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.left: list[Loaded] = []
        self.gate = threading.Event()
        self.gate.set()

    def folder(self, adapter: Adapter) -> Path:
        return Path(adapter.uri)

    def bytes(self, adapter: Adapter, folder: Path) -> int:
        return 400 if adapter.name == "huge" else 40

    def load(self, adapter: Adapter, folder: Path) -> Loaded:
        self.gate.wait(30)
        if adapter.name == "bad":
            raise UserError("the adapter bad is no adapter")
        self.loads.append(adapter.name)
        return Loaded({})


def named(name: str) -> Adapter:
    return Adapter(name, f"content of {name}", name)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def shelf(source: Source) -> Iterator[Shelf]:
    """Room for two."""
    made = Shelf(source, 100, source.left.append)
    yield made
    source.gate.set()
    made.close()


async def use(shelf: Shelf, *names: str) -> None:
    for name in names:
        async with shelf.held(named(name), 0):
            pass


async def until_waiting(shelf: Shelf) -> None:
    while not shelf._waits_for_room:
        await asyncio.sleep(0.001)


def test_the_one_asked_for_longest_ago_makes_room(shelf: Shelf, source: Source) -> None:
    asyncio.run(use(shelf, "a", "b", "a", "c"))
    assert shelf.names == ["a", "c"]
    asyncio.run(use(shelf, "a", "b"))
    assert source.loads == ["a", "b", "c", "b"]
    assert len(source.left) == 2


def test_many_who_ask_at_once_load_once(shelf: Shelf, source: Source) -> None:
    async def run() -> None:
        await asyncio.gather(*(use(shelf, "a") for _ in range(10)))

    asyncio.run(run())
    assert source.loads == ["a"]


def test_one_in_use_never_makes_room_and_who_waits_is_not_overtaken(shelf: Shelf, source: Source) -> None:
    async def run() -> list[str]:
        order: list[str] = []

        async def one(name: str) -> None:
            async with shelf.held(named(name), 0):
                order.append(name)

        async with AsyncExitStack() as used:
            for name in ("a", "b"):
                await used.enter_async_context(shelf.held(named(name), 0))
            waiting = asyncio.create_task(one("c"))
            await until_waiting(shelf)
            late = asyncio.create_task(one("a"))  # it is there, and yet comes after c
            await asyncio.sleep(0)
            assert order == []
        await asyncio.gather(waiting, late)
        return order

    assert asyncio.run(run()) == ["c", "a"]
    assert source.loads == ["a", "b", "c", "a"], "who was asked for longest ago has made room"


def test_who_waits_past_the_deadline_is_told(shelf: Shelf) -> None:
    async def run() -> None:
        async with shelf.held(named("a"), 0), shelf.held(named("b"), 0):
            with pytest.raises(OverloadedError, match="other adapters are in use"):
                async with shelf.held(named("c"), time.time() + 0.05):
                    pass
        await use(shelf, "d")

    asyncio.run(run())
    assert "d" in shelf.names


def test_who_leaves_while_it_is_loaded_holds_nothing(shelf: Shelf, source: Source) -> None:
    async def run() -> None:
        source.gate.clear()
        leaving = asyncio.create_task(use(shelf, "a"))
        await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        source.gate.set()
        await use(shelf, "b", "c", "d")

    asyncio.run(run())
    assert shelf.names == ["c", "d"]


def test_what_fails_or_is_too_large_takes_no_room(shelf: Shelf) -> None:
    with pytest.raises(UserError, match="bad"):
        asyncio.run(use(shelf, "bad"))
    with pytest.raises(UserError, match=r"the adapter huge takes .* MB; serving.adapter_mb is 0; raise it"):
        asyncio.run(use(shelf, "huge"))
    asyncio.run(use(shelf, "a", "b"))
    assert shelf.names == ["a", "b"]


def test_closing_tells_whoever_waits(shelf: Shelf) -> None:
    async def run() -> None:
        async with shelf.held(named("a"), 0), shelf.held(named("b"), 0):
            waiting = [asyncio.create_task(use(shelf, name)) for name in ("c", "d")]
            await until_waiting(shelf)
            await asyncio.to_thread(shelf.close)
            results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in results] == [UnavailableError, UnavailableError]
        with pytest.raises(UnavailableError):
            await use(shelf, "e")

    asyncio.run(run())
