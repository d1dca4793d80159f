"""Who runs, in which row of the batch and the cache, and who waits, in the torch engine. Not for what a step computes."""

from collections.abc import Sequence

from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.base import Request
from workloads.serving.engine.batch import Batch
from workloads.serving.engine.cache import SlotCache
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.grammar import Constraint
from workloads.serving.engine.prefixes import Prefixes
from workloads.serving.engine.running import Running
from workloads.serving.engine.waiting import Waiting


class BatchPlaces:
    """`stepping.Places` over a batch with its cache; what leaves is remembered for prompts that begin alike."""

    def __init__(self, batch: Batch, cache: SlotCache, prefixes: Prefixes) -> None:
        self._batch, self._cache, self._prefixes = batch, cache, prefixes
        self._waiting = Waiting()

    @property
    def rows(self) -> Sequence[Running]:
        return self._batch.rows

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def every(self) -> Sequence[Running]:
        return [*self._batch.rows, *self._waiting]

    def enqueue(self, request: Request, stream: Stream, constraint: Constraint | None, adapter: Loaded | None = None) -> None:
        prompt = request.token_ids + request.resume_tokens
        self._waiting.add(Running(request, stream, prompt, constraint, adapter=adapter))

    def remove(self, request_id: str) -> Running | None:
        row = self._batch.find(request_id)
        if row is None:
            return self._waiting.remove(request_id)
        running = self._batch.rows[row]
        self.keep(row)
        self._batch.remove(row, self._cache)
        return running

    def admit(self) -> None:
        while self._waiting and not self._batch.full:
            self._batch.add(self._waiting.pop())

    def reuse(self) -> int:
        """Let prompts that nothing was read of begin where another one has been before; the last token is always read, for
        the logits after it. How many tokens need not be read again."""
        reused = 0
        for row in range(self._batch.ready, len(self._batch.rows)):
            running = self._batch.rows[row]
            if not running.read and running.request.sampling.prompt_logprobs is None:
                running.read = self._prefixes.restore(running.prompt[:-1], row, running.kind)
                reused += running.read
        return reused

    def keep(self, row: int) -> None:
        """Remember what a row holds; a text that is scored alone nobody goes on from."""
        running = self._batch.rows[row]
        if running.request.max_new_tokens:
            self._prefixes.keep(running.cached, row, running.kind)
