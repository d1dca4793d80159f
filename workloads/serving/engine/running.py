"""A request on its way: what was read of its prompt, what it has said, and what to tell of a new token. Not for its row
(batch.py)."""

from dataclasses import dataclass, field

from cluster.errors import RequestError
from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.base import Chunk, Finish, Request, TokenScore
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.grammar import Constraint
from workloads.serving.engine.guesses import Guesses


@dataclass
class Running:
    """`read` counts the tokens of `prompt` that are in the cache."""

    request: Request
    stream: Stream
    prompt: tuple[int, ...]
    constraint: Constraint | None = None
    generated: list[int] = field(default_factory=list)
    prompt_scores: list[TokenScore] = field(default_factory=list)
    read: int = 0
    guesses: Guesses | None = None
    adapter: Loaded | None = None

    @property
    def kind(self) -> str:
        """What the cache holds of equal tokens is equal within a kind: the adapter, or none."""
        return self.request.adapter.content if self.request.adapter else ""

    @property
    def length(self) -> int:
        """Tokens in the cache: what was read of the prompt, and all generated but the newest."""
        return self.read + max(len(self.generated) - 1, 0)

    @property
    def answer(self) -> list[int]:
        return self.generated

    @property
    def cached(self) -> tuple[int, ...]:
        """The tokens in the cache."""
        return (self.prompt[: self.read] + tuple(self.generated))[: self.length]

    @property
    def unread(self) -> int:
        return len(self.prompt) - self.read

    def accept(self, token: int, score: TokenScore | None, max_context: int) -> Chunk:
        """Take a sampled token; what to tell of it."""
        request = self.request
        prompt_scores, self.prompt_scores = tuple(self.prompt_scores), []
        if token in request.stop_token_ids or (self.constraint is not None and self.constraint.over):
            return Chunk(prompt_scores=prompt_scores, finish="stop")
        try:
            whole = self.constraint is not None and self.constraint.take(token)
        except RequestError as error:
            return Chunk(prompt_scores=prompt_scores, finish="error", error=str(error))
        self.generated.append(token)
        if self.guesses is not None:
            self.guesses.add((token,))
        full = len(self.generated) + len(request.resume_tokens) >= request.max_new_tokens
        full = full or len(self.prompt) + len(self.generated) >= max_context
        finish: Finish | None = "stop" if whole else "length" if full else None
        return Chunk((token,), (score,) if score else (), prompt_scores, finish)
