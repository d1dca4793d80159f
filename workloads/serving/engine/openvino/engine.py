"""The openvino engine: continuous batching over a paged graph.

A step is one pass in which prompts are read and answers go on side by side. Loads neither torch nor transformers. Not for
the thread (stepping.py), the graph (paged.py), the bookkeeping (schedule.py) or choosing tokens (draw.py).
"""

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.errors import RequestError, UnavailableError
from workloads.serving.engine.base import Capabilities, Chunk, EngineSettings, TokenScore
from workloads.serving.engine.grammar import Grammars
from workloads.serving.engine.openvino.description import read_description
from workloads.serving.engine.openvino.draw import choose, score
from workloads.serving.engine.openvino.paged import PagedModel, Piece
from workloads.serving.engine.openvino.reading import Reading
from workloads.serving.engine.openvino.schedule import Part, Row, Schedule, block_count
from workloads.serving.engine.stepping import SteppingEngine

_IDLE_BYTES = 512 << 20  # keys and values kept for prompts that may come again


class OpenVinoEngine(SteppingEngine):
    """Loads an engine build (export.py made it) and starts its thread."""

    def __init__(self, folder: Path, settings: EngineSettings) -> None:
        build = read_description(folder)
        context = min(settings.max_context or build.max_context, build.max_context)
        self._prefill_tokens = settings.prefill_tokens
        self._model = PagedModel(folder, build.precision, settings.threads, block_count(settings.slots, context))
        self._schedule = Schedule(settings.slots, context, _IDLE_BYTES // self._model.block_bytes)
        can = Capabilities("openvino", context, build.vocabulary, settings.slots, "cpu", build.parameters, grammars=True)
        super().__init__(can, self._schedule, Grammars(folder, build.vocabulary))

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        """The mean of the last layer's states, of length 1, as the torch engine's of a decoder."""
        return list(await asyncio.gather(*(self._vector(tokens) for tokens in batch)))

    async def _vector(self, tokens: Sequence[int]) -> list[float]:
        reading = Reading(f"embed-{uuid.uuid4().hex}", tuple(tokens), 0)
        async for chunk in self.generate(reading):
            last = chunk
        if last.finish == "error":
            raise RequestError(f"the model failed on this input ({last.error})")
        if last.finish != "length":
            raise UnavailableError("this replica is being stopped", "", "send the request again")
        return reading.states.vector()

    def _step(self) -> None:
        self._schedule.admit()
        parts = self._schedule.plan(self._prefill_tokens)
        if not parts:
            return
        try:
            self._pass(parts)
        except Exception as error:  # noqa: BLE001 - whatever the graph raises belongs to these requests, not to the engine
            self._fail([part.row for part in parts], error)

    def _pass(self, parts: Sequence[Part]) -> None:
        pieces = [_piece(part) for part in parts]
        self._model.give(pieces)
        self._outbox.send()  # the last pass's tokens: whoever waits for them works while the graph does
        logits = self._model.logits()
        ends = np.cumsum([piece.picks for piece in pieces]) - 1
        for part, piece, end in zip(parts, pieces, ends.tolist(), strict=True):
            if part.row.scores_prompt:
                _score_prompt(part, logits[end + 1 - piece.picks : end + 1])
        self._keep_states(parts)
        choosing = [(part.row, end) for part, end in zip(parts, ends.tolist(), strict=True) if part.last]
        for part in parts:
            self._schedule.passed(part)
            if part.row.read <= part.row.prompt:
                self._counts["prompt_tokens"] += part.width
        if choosing:
            rows, picks = zip(*choosing, strict=True)
            self._choose(rows, logits if len(picks) == len(logits) else logits[list(picks)])

    def _keep_states(self, parts: Sequence[Part]) -> None:
        begin = 0
        for part in parts:
            if isinstance(reading := part.row.request, Reading):
                reading.states.add(self._model.states()[begin : begin + part.width])
            begin += part.width

    def _choose(self, rows: Sequence[Row], logits: NDArray[np.float32]) -> None:
        samplings = [row.request.sampling for row in rows]
        logits = _allowed(rows, logits)
        ids = choose(logits, samplings, [len(row.request.resume_tokens) + row.generated for row in rows])
        scores = _scores(rows, logits, ids)
        for index, (row, token) in enumerate(zip(rows, ids, strict=True)):
            if row.request.max_new_tokens:
                self._tell(row, row.accept(token, scores.get(index), self.capabilities.max_context))
            else:
                self._tell(row, Chunk(prompt_scores=tuple(row.prompt_scores), finish="length"))


def _piece(part: Part) -> Piece:
    """Logits of the last token, or of all where the prompt is scored; of none while more of the prompt is to come."""
    row = part.row
    tokens = row.tokens[row.read : row.read + part.width]
    return Piece(tokens, row.read, row.blocks, part.width if row.scores_prompt else int(part.last))


def _allowed(rows: Sequence[Row], logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits with minus infinity for what a row's grammar forbids; those of an answer that is over stay as they are."""
    held = {index: row.constraint for index, row in enumerate(rows) if row.constraint is not None}
    if not held:
        return logits
    logits = logits.copy()
    for index, constraint in held.items():
        allowed = constraint.allowed(logits.shape[1])
        if not constraint.over:
            logits[index, ~allowed] = -np.inf
    return logits


def _score_prompt(part: Part, logits: NDArray[np.float32]) -> None:
    """Score the tokens that these logits predict, as far as they belong to the prompt that the client sent."""
    row = part.row
    known = row.request.token_ids[row.read + 1 : row.read + 1 + len(logits)]
    if known:
        row.prompt_scores += score(logits[: len(known)], known, row.request.sampling.prompt_logprobs or 0)


def _scores(rows: Sequence[Row], logits: NDArray[np.float32], ids: Sequence[int]) -> dict[int, TokenScore]:
    wanted = {index: row.request.sampling.logprobs for index, row in enumerate(rows)}
    return {
        index: score(logits[index : index + 1], [ids[index]], count)[0] for index, count in wanted.items() if count is not None
    }
