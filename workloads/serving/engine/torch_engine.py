"""The torch engine: continuous batching over a decoder with a slot cache, stepping in its own thread.

Every step frees what was cancelled, admits what waits, reads a bounded part of the prompts, and decodes one token of
every other row. Not for the model's arithmetic (decoder.py) nor for choosing tokens (sampling.py).
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from cluster.errors import UnavailableError
from cluster.observe.traces import start_span
from workloads.serving.engine.base import (
    Capabilities,
    Chunk,
    Engine,
    EngineSettings,
    Finish,
    Request,
    Stats,
    Unfinished,
)
from workloads.serving.engine.batch import Batch, Running
from workloads.serving.engine.cache import Passing, SlotCache
from workloads.serving.engine.decoder import Decoder, load_decoder
from workloads.serving.engine.delivery import Outbox, Stream
from workloads.serving.engine.devices import device_of
from workloads.serving.engine.encoding import Encodings, Task, mean_of, padded, unit
from workloads.serving.engine.grammar import Grammars
from workloads.serving.engine.prefixes import Prefixes
from workloads.serving.engine.scoring import score_prompt, scores_of
from workloads.serving.engine.waiting import Waiting

_LOG = logging.getLogger(__name__)
_DRAIN_POLL_SECONDS = 0.02


class TorchEngine(Engine):
    """Loads a model folder and starts its thread."""

    def __init__(self, folder: Path, settings: EngineSettings, decoder: Decoder | None = None) -> None:
        decoder = decoder or load_decoder(folder, device_of(settings.device), settings.weights)
        context = min(settings.max_context or decoder.max_context, decoder.max_context)
        self.capabilities = Capabilities(
            "torch", context, decoder.vocabulary, settings.slots, decoder.device.type, decoder.parameters, grammars=True
        )
        self._decoder, self._settings = decoder, settings
        self._grammars = Grammars(folder, decoder.vocabulary)
        self._cache = SlotCache(settings.slots, context, decoder.device, decoder.dtype)
        self._prefixes = Prefixes(self._cache, settings.prefix_mb << 20)
        self._batch = Batch(settings.slots, context, decoder.device)
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting = Waiting()
        self._encodings = Encodings(self._embed, settings.prefill_tokens)
        self._outbox = Outbox()
        self._stats = Stats(slots=settings.slots)
        self._accepting, self._closed = True, False
        self._thread = threading.Thread(target=self._run, name="hanlin-engine", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # Called from event loops.

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        self.check(request)
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        constraint = await asyncio.to_thread(self._grammars.start, request) if request.grammar else None
        running = Running(request, Stream(), request.token_ids + request.resume_tokens, constraint)
        span = start_span("engine.generate", request.traceparent, request_id=request.origin, engine=self.capabilities.engine)
        self._commands.put(lambda: self._waiting.add(running))
        finished, tokens = False, 0
        ended: Finish | None = None
        try:
            while not finished:
                chunk = await running.stream.next()
                if not tokens and chunk.token_ids:
                    span.event("first_token")
                tokens += len(chunk.token_ids)
                finished, ended = chunk.finish is not None, chunk.finish
                yield chunk
        finally:
            span.end(
                "" if ended in (None, "stop", "length") else ended, prompt_tokens=len(running.prompt), generated_tokens=tokens
            )
            if not finished:
                self.cancel(request.id)

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        """The mean of the last layer's states, of length 1. What a decoder says of a text: use an encoder where you have one."""
        for tokens in batch:
            self.check(Request("", tuple(tokens), 0))
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        return await self._encodings.ask(Task("embed"), batch, self._commands.put)

    def cancel(self, request_id: str) -> None:
        self._commands.put(lambda: self._end(request_id, "cancelled"))

    def stats(self) -> Stats:
        return self._stats

    async def drain(self, seconds: float) -> list[Unfinished]:
        self._accepting = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and (self._busy or not self._commands.empty()):
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        loop = asyncio.get_running_loop()
        left: asyncio.Future[list[Unfinished]] = loop.create_future()

        def end_the_rest() -> None:
            loop.call_soon_threadsafe(left.set_result, self._end_all("drained"))

        self._commands.put(end_the_rest)
        return await left

    def close(self) -> None:
        self._accepting = False
        self._commands.put(self._stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # Everything below runs in the engine's thread.

    def _run(self) -> None:
        if self._settings.threads and self._decoder.device.type == "cpu":
            torch.set_num_threads(self._settings.threads)
        try:
            with torch.inference_mode():
                while not self._closed:
                    self._take_commands()
                    if self._busy:
                        self._step()
                    self._outbox.send()
        finally:
            self._accepting = False
            self._end_all("error" if not self._closed else "cancelled")
            self._outbox.send()

    @property
    def _busy(self) -> bool:
        return bool(self._waiting or self._batch.rows or self._encodings)

    def _take_commands(self) -> None:
        """Do what was asked for since the last step; wait where there is nothing else to do."""
        idle = not self._busy
        while idle or not self._commands.empty():
            self._commands.get()()
            idle = False

    def _step(self) -> None:
        started = time.perf_counter()
        self._expire()
        while self._waiting and not self._batch.full:
            self._batch.add(self._waiting.pop())
        if self._batch.ready < len(self._batch.rows):
            self._reuse()
            rows = self._batch.unread(self._settings.prefill_tokens)
            self._guarded(self._read_prompts, rows)
        self._encodings.step()
        if self._batch.ready:
            self._guarded(self._decode, slice(0, self._batch.ready))
        self._note(steps=1, busy_seconds=time.perf_counter() - started)

    def _guarded(self, work: Callable[[slice], None], rows: slice) -> None:
        """A failing pass ends the requests in it, not the engine."""
        members = [row.request.id for row in self._batch.rows[rows]]
        try:
            work(rows)
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to these requests
            _LOG.exception("engine_step_failed requests=%d", len(members))
            for request_id in members:
                self._end(request_id, "error", f"{type(error).__name__}: {error}")

    def _reuse(self) -> None:
        """Let prompts that nothing was read of begin where another one has been before; the last token is always read, for
        the logits after it."""
        for row in range(self._batch.ready, len(self._batch.rows)):
            running = self._batch.rows[row]
            if not running.read and running.request.sampling.prompt_logprobs is None:
                running.read = self._prefixes.restore(running.prompt[:-1], row)
                if running.read:
                    self._note(reused_tokens=running.read)

    def _keep(self, row: int) -> None:
        """Remember what a row holds; a text that is scored alone nobody goes on from."""
        running = self._batch.rows[row]
        if running.request.max_new_tokens:
            self._prefixes.keep(running.cached, row)

    def _read_prompts(self, rows: slice) -> None:
        batch, budget = self._batch, self._settings.prefill_tokens
        tokens, positions, widths = batch.prompt_tokens(rows, budget)
        running = batch.rows[rows]
        width = tokens.shape[1]
        length = width + max(row.read for row in running)
        ends = torch.tensor([index * width + own - 1 for index, own in enumerate(widths)], device=tokens.device)
        scored = any(row.request.sampling.prompt_logprobs is not None for row in running)
        picks = torch.arange(tokens.numel(), device=tokens.device) if scored else ends
        window = self._cache.window(rows.start, positions, min(length, self.capabilities.max_context))
        logits = self._decoder.logits(tokens, positions, picks, self._cache, window)
        for index, row in enumerate(running):
            if row.request.sampling.prompt_logprobs is not None:
                score_prompt(row, logits[index * width : index * width + widths[index]])
            row.read += widths[index]
        self._note(prompt_tokens=sum(widths))
        if running[0].unread:  # a prompt longer than one step's budget, alone in this pass
            return
        joined = batch.start_decoding(rows, self._cache)
        for row in range(joined.start, joined.stop):
            self._keep(row)
        self._choose(joined, logits[ends] if scored else logits)

    def _decode(self, rows: slice) -> None:
        batch = self._batch
        guess = batch.guess(self._settings.guess_tokens)
        tokens, positions, window = batch.decode_tokens(self._cache, guess)
        picks = torch.arange(tokens.numel(), device=tokens.device)
        logits = self._decoder.logits(tokens, positions, picks, self._cache, window)
        if guess:
            self._check_guess(guess, logits)
        else:
            batch.advance(rows)
            self._choose(rows, logits)

    def _check_guess(self, guess: list[int], logits: Tensor) -> None:
        """Go on with the only decoding row as long as the model says what was guessed, and one token beyond."""
        row, right = self._batch.rows[0], 0
        for guessed, own in zip([*guess, None], logits.split(1), strict=True):
            self._batch.advance(slice(0, 1))
            self._choose(slice(0, 1), own)
            if not row.generated or row.generated[-1] != guessed or self._batch.find(row.request.id) is None:
                break
            right += 1
        self._note(guessed_tokens=len(guess), confirmed_tokens=right)
        if row.guesses is not None:
            row.guesses.judge(right)

    def _choose(self, rows: slice, logits: Tensor) -> None:
        ids = self._batch.choose(rows, logits)
        running = self._batch.rows[rows]
        scores = scores_of(running, logits, ids)
        ended: list[tuple[str, Finish]] = []
        told = 0
        for index, (row, token) in enumerate(zip(running, ids.tolist(), strict=True)):
            if not row.request.max_new_tokens:
                chunk = Chunk(prompt_scores=tuple(row.prompt_scores), finish="length")
            else:
                chunk = row.accept(token, scores.get(index), self.capabilities.max_context)
            self._outbox.put(row.stream, chunk)
            told += len(chunk.token_ids)
            if chunk.finish:
                ended.append((row.request.id, chunk.finish))
        self._note(generated_tokens=told)
        for request_id, finish in ended:
            self._end(request_id, finish, told=True)

    def _embed(self, task: Task, texts: list[tuple[int, ...]]) -> list[list[float]]:
        self._note(prompt_tokens=sum(map(len, texts)))
        tokens, real = padded(texts, self._decoder.device)
        positions = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
        passing = Passing()
        window = passing.window(positions, self._decoder.dtype)
        return unit(mean_of(self._decoder.hidden(tokens, positions, passing, window), real))

    def _expire(self) -> None:
        now = time.time()
        every = [*self._batch.rows, *self._waiting]
        for request in [row.request for row in every if row.request.deadline and row.request.deadline < now]:
            self._end(request.id, "deadline")

    def _end(self, request_id: str, finish: Finish, error: str = "", told: bool = False) -> None:
        """Free the request's place and tell its stream, wherever it is."""
        row = self._batch.find(request_id)
        if row is not None:
            running = self._batch.rows[row]
            self._keep(row)
            self._batch.remove(row, self._cache)
        else:
            found = self._waiting.remove(request_id)
            if found is None:
                return
            running = found
        if not told:
            self._outbox.put(running.stream, Chunk(finish=finish, error=error))
        self._note(
            finished=finish in ("stop", "length"),
            failed=finish == "error",
            cancelled=finish in ("cancelled", "deadline", "drained"),
        )

    def _end_all(self, finish: Finish) -> list[Unfinished]:
        every = [*self._batch.rows, *self._waiting]
        left = [Unfinished(row.request.id, row.request.resume_tokens + tuple(row.generated)) for row in every]
        for each in left:
            self._end(each.id, finish)
        self._encodings.end()
        return left

    def _stop(self) -> None:
        self._end_all("cancelled")
        self._closed = True

    def _note(self, **more: float) -> None:
        old = self._stats
        self._stats = replace(
            old,
            **{name: getattr(old, name) + value for name, value in more.items()},
            running=len(self._batch.rows),
            waiting=len(self._waiting),
            cached_tokens=sum(row.length for row in self._batch.rows),
        )
