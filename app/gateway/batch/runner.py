"""Runs batches through the endpoint, a part after the other; what is done stays done, whoever goes on with it.

Not for how a request is answered: `ask` does that, as for any other client.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from pathlib import Path

from app.gateway.batch.lines import Line, Reply, answer_line, check, is_answer, parse, read_lines, unanswered_line
from app.gateway.batch.record import Batch, Fault
from app.gateway.batch.store import BatchStore
from cluster import storage
from cluster.errors import MissingError

Ask = Callable[[str, str, dict[str, object]], Awaitable[tuple[Reply, float]]]
"""(owner, path, body) -> the answer, and after how many seconds asking again can help (0: never)."""
PART_LINES = 64
"""Requests between two commits: what a lost gateway has to ask again at most."""
AT_ONCE = 8
"""Requests on the way at once, so that a batch leaves room in the engine for those who wait."""


class BatchRunner:
    """Runs one batch at a time."""

    def __init__(self, store: BatchStore, ask: Ask) -> None:
        self._store, self._ask = store, ask

    async def run(self, batch: Batch) -> Batch:
        """Run a claimed batch to its end; the state that it ended with."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "input.jsonl"
            try:
                content = await asyncio.to_thread(self._store.files(batch.owner).content, batch.input_file_id)
            except MissingError:
                gone = Fault("file_not_found", f"the input file {batch.input_file_id} is gone")
                batch = batch.at("failed", faults=(gone,))
            else:
                await asyncio.to_thread(storage.download_file, content, source)
                batch = await self._checked(batch, source)
            if not batch.final:
                batch = await self._parts(batch, source)
                batch = await asyncio.to_thread(self._written, batch, Path(folder))
        await asyncio.to_thread(self._store.close, batch)
        return batch

    async def _checked(self, batch: Batch, source: Path) -> Batch:
        total, faults = await asyncio.to_thread(check, source, batch.endpoint)
        if faults:
            return batch.at("failed", total=total, faults=faults)
        return batch.at("in_progress", total=total)

    async def _parts(self, batch: Batch, source: Path) -> Batch:
        """Answer every part that is not done yet; the batch with its counts, and its status if it ended early."""
        done = await asyncio.to_thread(self._store.parts, batch)
        counted = [await asyncio.to_thread(storage.read_bytes, part) for part in done.values()]
        batch = _count(batch, b"".join(counted).splitlines(), anew=True)
        lines = read_lines(source)
        number = 0
        while part := list(islice(lines, PART_LINES)):
            if number not in done:
                if ended := await self._ended(batch):
                    return ended
                await asyncio.to_thread(self._store.save, batch)
                answered = await self._answers(batch, part)
                await asyncio.to_thread(self._store.write_part, batch, number, b"".join(answered))
                batch = _count(batch, answered)
            number += 1
        return batch.at("finalizing")

    async def _ended(self, batch: Batch) -> Batch | None:
        if await asyncio.to_thread(self._store.to_cancel, batch):
            return batch.at("cancelling").at("cancelled")
        return batch.at("expired") if time.time() > batch.expires_at else None

    async def _answers(self, batch: Batch, part: Iterable[bytes]) -> list[bytes]:
        places = asyncio.Semaphore(AT_ONCE)

        async def answer(raw: bytes) -> bytes:
            async with places:
                return await self._answer(batch, parse(raw))

        return list(await asyncio.gather(*map(answer, part)))

    async def _answer(self, batch: Batch, line: Line) -> bytes:
        """One line's answer; asked again while the endpoint has no place for it."""
        while time.time() < batch.expires_at:
            reply, wait = await self._ask(batch.owner, batch.endpoint, line.body)
            if not wait:
                return answer_line(line, reply)
            if await asyncio.to_thread(self._store.to_cancel, batch):
                return unanswered_line(line, "batch_cancelled", "the batch was cancelled before this request was answered")
            await asyncio.sleep(wait)
        return unanswered_line(line, "batch_expired", f"not answered within {batch.completion_window}")

    def _written(self, batch: Batch, folder: Path) -> Batch:
        """Output and error file from the parts, in the order of the input."""
        output, errors = folder / "output.jsonl", folder / "errors.jsonl"
        with output.open("wb") as good, errors.open("wb") as bad:
            for _, part in sorted(self._store.parts(batch).items()):
                for raw in storage.read_bytes(part).splitlines(keepends=True):
                    (good if is_answer(raw) else bad).write(raw)
        batch = batch if batch.final else batch.at("completed")
        return batch.at(
            batch.status, output_file_id=self._kept(batch, output, "output"), error_file_id=self._kept(batch, errors, "errors")
        )

    def _kept(self, batch: Batch, file: Path, kind: str) -> str | None:
        if not file.stat().st_size:
            return None
        name = f"file-{batch.id.removeprefix('batch_')}-{kind}"
        return self._store.files(batch.owner).add(file, f"{batch.id}_{kind}.jsonl", "batch_output", name).id


def _count(batch: Batch, answered: Iterable[bytes], anew: bool = False) -> Batch:
    good = bad = 0
    for raw in answered:
        good, bad = (good + 1, bad) if is_answer(raw) else (good, bad + 1)
    if not anew:
        good, bad = good + batch.completed, bad + batch.failed
    return batch.at(batch.status, completed=good, failed=bad)
