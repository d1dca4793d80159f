"""The torch engine: continuous batching over a decoder with a slot cache.

Every step admits what waits, reads a bounded part of the prompts, and decodes one token of every other row. Not for the thread
(stepping.py), who has which row (places.py), the model's arithmetic (decoder.py) nor choosing tokens (sampling.py).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from cluster.errors import UnavailableError
from workloads.serving.engine.adapters.files import linear_shapes
from workloads.serving.engine.adapters.mixture import Mixer
from workloads.serving.engine.adapters.reader import Reader
from workloads.serving.engine.adapters.shelf import Shelf
from workloads.serving.engine.base import Capabilities, Chunk, EngineSettings, Finish, Request, TokenScore, Unfinished
from workloads.serving.engine.batch import Batch
from workloads.serving.engine.cache import SlotCache, Window
from workloads.serving.engine.decoder import Decoder, load_decoder
from workloads.serving.engine.devices import device_of
from workloads.serving.engine.encoding import Encodings, Task
from workloads.serving.engine.grammar import Grammars
from workloads.serving.engine.places import BatchPlaces
from workloads.serving.engine.prefixes import Prefixes
from workloads.serving.engine.running import Running
from workloads.serving.engine.scoring import score_prompt, scores_of
from workloads.serving.engine.stepping import Enqueue, SteppingEngine
from workloads.serving.engine.vectors import vectors


class TorchEngine(SteppingEngine):
    """Loads a model folder and starts its thread."""

    def __init__(self, folder: Path, settings: EngineSettings, decoder: Decoder | None = None) -> None:
        decoder = decoder or load_decoder(folder, device_of(settings.device), settings.weights, settings.share_weights)
        context = min(settings.max_context or decoder.max_context, decoder.max_context)
        self._decoder, self._settings = decoder, settings
        self._cache = SlotCache(settings.slots, context, decoder.device, decoder.dtype)
        self._batch = Batch(settings.slots, context, decoder.device)
        self._seats = BatchPlaces(self._batch, self._cache, Prefixes(self._cache, settings.prefix_mb << 20))
        self._encodings = Encodings(self._embed, settings.prefill_tokens)
        self._mixer = Mixer()
        self._shelf = None
        if settings.adapter_mb:
            self._shelf = Shelf(Reader(decoder, linear_shapes(folder)), settings.adapter_mb << 20, self._mixer.forget)
        can = Capabilities(
            "torch",
            context,
            decoder.vocabulary,
            settings.slots,
            decoder.device.type,
            decoder.parameters,
            grammars=True,
            adapters=self._shelf is not None,
        )
        super().__init__(can, self._seats, Grammars(folder, decoder.vocabulary))

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        """The mean of the last layer's states, of length 1. What a decoder says of a text: use an encoder where you have one."""
        for tokens in batch:
            self.check(Request("", tuple(tokens), 0))
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        return await self._encodings.ask(Task("embed"), batch, self._commands.put)

    @asynccontextmanager
    async def _ready_for(self, request: Request) -> AsyncIterator[Enqueue]:
        """With its adapter in memory."""
        if request.adapter is None or self._shelf is None:
            yield self._seats.enqueue
            return
        async with self._shelf.held(request.adapter, request.deadline) as loaded:
            yield partial(self._seats.enqueue, adapter=loaded)

    def close(self) -> None:
        if self._shelf is not None:
            self._shelf.close()
        super().close()

    def _run(self) -> None:
        if self._settings.threads and self._decoder.device.type == "cpu":
            torch.set_num_threads(self._settings.threads)
        with torch.inference_mode():
            super()._run()

    @property
    def _busy(self) -> bool:
        return super()._busy or bool(self._encodings)

    def _step(self) -> None:
        self._outbox.send()
        self._seats.admit()
        if self._batch.ready < len(self._batch.rows):
            self._counts["reused_tokens"] += self._seats.reuse()
            self._guarded(self._read_prompts, self._batch.unread(self._settings.prefill_tokens))
        self._encodings.step()
        if self._batch.ready:
            self._guarded(self._decode, slice(0, self._batch.ready))

    def _guarded(self, work: Callable[[slice], None], rows: slice) -> None:
        """A failing pass ends the requests in it, not the engine."""
        members = self._batch.rows[rows]
        try:
            work(rows)
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to these requests
            self._fail(members, error)

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
        window = self._with_adapters(window, rows)
        logits = self._decoder.logits(tokens, positions, picks, self._cache, window)
        for index, row in enumerate(running):
            if row.request.sampling.prompt_logprobs is not None:
                score_prompt(row, logits[index * width : index * width + widths[index]])
            row.read += widths[index]
        self._counts["prompt_tokens"] += sum(widths)
        if running[0].unread:  # a prompt longer than one step's budget, alone in this pass
            return
        joined = batch.start_decoding(rows, self._cache)
        for place in range(joined.start, joined.stop):
            self._seats.keep(place)
        self._choose(joined, logits[ends] if scored else logits)

    def _decode(self, rows: slice) -> None:
        batch = self._batch
        guess = batch.guess(self._settings.guess_tokens)
        tokens, positions, window = batch.decode_tokens(self._cache, guess)
        picks = torch.arange(tokens.numel(), device=tokens.device)
        logits = self._decoder.logits(tokens, positions, picks, self._cache, self._with_adapters(window, rows))
        if guess:
            self._check_guess(guess, logits)
        else:
            batch.advance(rows)
            self._choose(rows, logits)

    def _with_adapters(self, window: Window, rows: slice) -> Window:
        """The window with the adapters of its rows."""
        every = [row.adapter for row in self._batch.rows]
        width = len(window.slots) // window.rows
        adapted = self._mixer.adapted(every[rows], every, width, self._decoder.device)
        return window if adapted is None else replace(window, adapted=adapted)

    def _check_guess(self, guess: list[int], logits: Tensor) -> None:
        """Go on with the only decoding row as long as the model says what was guessed, and one token beyond."""
        row, right = self._batch.rows[0], 0
        for guessed, own in zip([*guess, None], logits[:, None], strict=True):
            self._batch.advance(slice(0, 1))
            self._choose(slice(0, 1), own)
            if not row.generated or row.generated[-1] != guessed or self._batch.find(row.request.id) is None:
                break
            right += 1
        self._counts["guessed_tokens"] += len(guess)
        self._counts["confirmed_tokens"] += right
        if row.guesses is not None:
            row.guesses.judge(right)

    def _choose(self, rows: slice, logits: Tensor) -> None:
        """A token for each of these rows. All take theirs before any leaves, since that moves rows within the cache."""
        ids = self._batch.choose(rows, logits)
        running = self._batch.rows[rows]
        scores = scores_of(running, logits, ids)
        chunks = [
            self._accept(row, token, scores.get(index))
            for index, (row, token) in enumerate(zip(running, ids.tolist(), strict=True))
        ]
        for row, chunk in zip(running, chunks, strict=True):
            self._tell(row, chunk)

    def _accept(self, row: Running, token: int, score: TokenScore | None) -> Chunk:
        if not row.request.max_new_tokens:
            return Chunk(prompt_scores=tuple(row.prompt_scores), finish="length")
        return row.accept(token, score, self.capabilities.max_context)

    def _embed(self, task: Task, texts: list[tuple[int, ...]]) -> list[list[float]]:
        self._counts["prompt_tokens"] += sum(map(len, texts))
        self._tell_stats()  # the vectors go out within this step
        return vectors(self._decoder, texts)

    def _end_all(self, finish: Finish) -> list[Unfinished]:
        left = super()._end_all(finish)
        self._encodings.end()
        return left
