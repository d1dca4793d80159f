"""How observations wait and go on."""

import asyncio

from app.gateway.observation import Observation, Observer


def test_they_go_in_batches_by_model_and_once() -> None:
    sent: list[tuple[str, int]] = []

    async def send(model: str, batch: object) -> None:
        sent.append((model, len(list(batch))))  # type: ignore[call-overload]

    async def run() -> None:
        observer = Observer()
        task = asyncio.create_task(observer.deliver(send))
        for model in ("a", "b", "a"):
            observer.add(Observation(model, True))
        while len(sent) < 2:
            await asyncio.sleep(0.01)
        observer.add(Observation("a", False))
        while len(sent) < 3:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(run())
    assert sent == [("a", 2), ("b", 1), ("a", 1)]


def test_texts_are_sampled_seldom_and_cut() -> None:
    observer = Observer()
    first = observer.sample("问" * 5000, "答" * 5000)
    assert first is not None
    assert (len(first.prompt), len(first.answer)) == (2000, 2000)
    assert observer.sample("问" * 9, "答") is None, "one was taken just now"
    assert Observer().sample("  ", "答") is None
