"""A file that others replace: seen within a second, not asked for more often, and no worse for being broken for a while."""

import asyncio
from pathlib import Path

from app.gateway.watched import Watched
from cluster import storage
from cluster.errors import InputError


def read(uri: str) -> str:
    place = storage.locate(uri)
    content = storage.read_bytes(place).decode() if storage.stat(place) else "nothing"
    if content == "broken":
        raise InputError(f"{uri} is broken")
    return content


def test_what_is_seen_and_when(tmp_path: Path) -> None:
    file, now = tmp_path / "list", [0.0]

    async def run() -> list[str | None]:
        watched = Watched(str(file), read, "list", lambda: now[0])
        seen = [await watched.content()]
        for content, seconds in (("one", 0.5), ("two", 0.6), ("broken", 1.1), ("three", 1.1)):
            file.write_text(content)
            now[0] += seconds
            seen.append(await watched.content())
        file.unlink()
        now[0] += 1.1
        return [*seen, await watched.content()]

    assert asyncio.run(run()) == ["nothing", "nothing", "two", "two", "three", "nothing"]


def test_what_never_could_be_read(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("broken")
    assert asyncio.run(Watched(str(tmp_path / "list"), read, "list").content()) is None
