"""Who waits, who runs, and how many tokens of each the next pass reads. Pure bookkeeping.

Not for the model (paged.py) nor the thread (../stepping.py).
"""

import heapq
import itertools
from dataclasses import dataclass, field

from cluster.errors import RequestError
from workloads.serving.engine.base import Chunk, Finish, Request, TokenScore
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.grammar import Constraint
from workloads.serving.engine.openvino.blocks import BLOCK_TOKENS, BlockPool
from workloads.serving.engine.openvino.reading import Reading


@dataclass(slots=True, eq=False)
class Row:
    """A request on its way. `tokens` are prompt, resumed and generated ones, of which `read` are in the cache, in `blocks`;
    the full ones of these end a chain at `place`."""

    request: Request
    stream: Stream
    tokens: list[int]
    prompt: int
    constraint: Constraint | None = None
    blocks: list[int] = field(default_factory=list)
    place: int = 0
    read: int = 0
    prompt_scores: list[TokenScore] = field(default_factory=list)

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt

    @property
    def answer(self) -> list[int]:
        return self.tokens[self.prompt :]

    @property
    def length(self) -> int:
        return self.read

    @property
    def unread(self) -> int:
        return len(self.tokens) - self.read

    @property
    def read_whole(self) -> bool:
        """Whether something is wanted of every token of its prompt."""
        return self.request.sampling.prompt_logprobs is not None or isinstance(self.request, Reading)

    @property
    def scores_prompt(self) -> bool:
        return self.request.sampling.prompt_logprobs is not None and self.read < self.prompt

    def accept(self, token: int, score: TokenScore | None, max_context: int) -> Chunk:
        """Take a chosen token; what to tell of it."""
        prompt_scores, self.prompt_scores = tuple(self.prompt_scores), []
        if token in self.request.stop_token_ids or (self.constraint is not None and self.constraint.over):
            return Chunk(prompt_scores=prompt_scores, finish="stop")
        try:
            whole = self.constraint is not None and self.constraint.take(token)
        except RequestError as error:
            return Chunk(prompt_scores=prompt_scores, finish="error", error=str(error))
        self.tokens.append(token)
        full = self.generated + len(self.request.resume_tokens) >= self.request.max_new_tokens
        full = full or len(self.tokens) >= max_context
        finish: Finish | None = "stop" if whole else "length" if full else None
        return Chunk((token,), (score,) if score else (), prompt_scores, finish)


@dataclass(frozen=True, slots=True)
class Part:
    """The next `width` unread tokens of a row."""

    row: Row
    width: int

    @property
    def last(self) -> bool:
        """Whether a token is chosen after it."""
        return self.row.unread == self.width


class Schedule:
    """Up to `slots` rows run; the others wait, the smallest priority first, among equals the first come. The cache
    keeps `most_idle` blocks of those who left."""

    def __init__(self, slots: int, max_context: int, most_idle: int) -> None:
        self.rows: list[Row] = []
        self._slots = slots
        self._waiting: list[tuple[int, int, Row]] = []
        self._order = itertools.count()
        self._blocks = BlockPool(block_count(slots, max_context), most_idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def every(self) -> list[Row]:
        return self.rows + [entry[2] for entry in self._waiting]

    def enqueue(self, request: Request, stream: Stream, constraint: Constraint | None = None) -> None:
        tokens = [*request.token_ids, *request.resume_tokens]
        row = Row(request, stream, tokens, len(tokens), constraint)
        heapq.heappush(self._waiting, (request.priority, next(self._order), row))

    def admit(self) -> None:
        """Rows from the queue as far as there are slots; what the cache knows of their prompts counts as read, but where
        the prompt is to be read whole."""
        while self._waiting and len(self.rows) < self._slots:
            row = heapq.heappop(self._waiting)[2]
            if not row.read_whole:
                row.blocks, row.place = self._blocks.find(row.tokens)
                row.read = len(row.blocks) * BLOCK_TOKENS
            self.rows.append(row)

    def plan(self, prefill_tokens: int) -> list[Part]:
        """The next pass: one token of each row that decodes, and at most `prefill_tokens` of the prompts, oldest first. Every
        row of it has the blocks that it needs."""
        parts = []
        for row in self.rows:
            width = row.unread
            if width > 1:
                width = min(width, prefill_tokens)
                prefill_tokens -= width
            if width:
                parts.append(Part(row, width))
                self._reach(row, row.read + width)
        return parts

    def passed(self, part: Part) -> None:
        """The tokens of a part are in the cache now; blocks that it filled are known from here on."""
        row, before = part.row, part.row.read
        row.read += part.width
        for full in range(before // BLOCK_TOKENS, row.read // BLOCK_TOKENS):
            tokens = row.tokens[full * BLOCK_TOKENS : (full + 1) * BLOCK_TOKENS]
            row.place = self._blocks.know(row.blocks[full], row.place, tokens)

    def remove(self, request_id: str) -> Row | None:
        """Take a request out, wherever it is, and free its blocks; None where there is none of this id."""
        row = next((row for row in self.rows if row.request.id == request_id), None)
        if row is not None:
            self.rows.remove(row)
            self._blocks.release(row.blocks)
            return row
        entry = next((entry for entry in self._waiting if entry[2].request.id == request_id), None)
        if entry is None:
            return None
        self._waiting.remove(entry)
        heapq.heapify(self._waiting)
        return entry[2]

    def _reach(self, row: Row, tokens: int) -> None:
        while len(row.blocks) * BLOCK_TOKENS < tokens:
            row.blocks.append(self._blocks.take())


def block_count(slots: int, max_context: int) -> int:
    """Blocks that `slots` requests of `max_context` tokens need."""
    return slots * -(-max_context // BLOCK_TOKENS)
