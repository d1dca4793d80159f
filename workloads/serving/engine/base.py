"""What every engine is: token ids in, token ids out, many requests at once, joining and leaving at any step.

Not for text, HTTP or OpenAI shapes (app/gateway), and not for replicas (workloads/serving/replica.py). No torch here, so
that the gateway can import these types cheaply.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cluster.errors import ContextLengthError, RequestError

Finish = Literal["stop", "length", "cancelled", "deadline", "drained", "error"]
Weights = Literal["f32", "int8"]

COUNTED_AS: dict[Finish, str] = {
    "stop": "finished",
    "length": "finished",
    "error": "failed",
    "cancelled": "cancelled",
    "deadline": "cancelled",
    "drained": "cancelled",
}
"""As which of its counts Stats has an answer that ended so."""

PACK_BELOW = 300_000_000
"""Parameters up to which the torch engine keeps weights twice on a processor, packed for many rows and transposed for one: faster by a
third to a half at either end (measured on AVX2), at twice the memory."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen. `temperature` 0 is greedy; `top_k` 0 is off. The same seed gives the same draws whatever else
    is in the batch. `logprobs`: None for none, else the chosen token's and the k best; `prompt_logprobs` likewise for
    every prompt token but the first."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    logprobs: int | None = None
    prompt_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an answer must be: any JSON object, JSON of a schema (`text` is the schema), or a whole match of a regular
    expression (`text`). An answer ends where its grammar is fulfilled, or is cut by `max_new_tokens` before."""

    kind: Literal["json_object", "json_schema", "regex"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A fine-tuning of the model by low-rank changes (LoRA, Hu et al. 2021): its `name`, for people; `content`, the hash of its
    bytes, by which adapters are told apart; `uri`, its artifact."""

    name: str
    content: str
    uri: str


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt. `resume_tokens` were generated before (by another replica) and are continued, not sent again; a grammar
    counts them as the answer's beginning.

    `deadline` is seconds since the epoch (0: none). A smaller `priority` is admitted first. `origin` is the id of the HTTP
    request that this one belongs to, `traceparent` its place in a trace: for logs and traces alone.
    """

    id: str
    token_ids: tuple[int, ...]
    max_new_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    stop_token_ids: frozenset[int] = frozenset()
    priority: int = 0
    deadline: float = 0.0
    resume_tokens: tuple[int, ...] = ()
    origin: str = ""
    traceparent: str = ""
    grammar: Grammar | None = None
    adapter: Adapter | None = None


@dataclass(frozen=True, slots=True)
class TokenScore:
    """Natural-log probability of a token under the model (before temperature), and the best alternatives, best first."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next tokens of one request. `scores` goes with `token_ids` where logprobs were asked for; a stop token is not
    among them. `prompt_scores` comes once, before or with the first token. The last chunk has `finish`."""

    token_ids: tuple[int, ...] = ()
    scores: tuple[TokenScore, ...] = ()
    prompt_scores: tuple[TokenScore, ...] = ()
    finish: Finish | None = None
    error: str = ""

    def then(self, later: "Chunk") -> "Chunk":
        """Both as one."""
        return Chunk(
            self.token_ids + later.token_ids,
            self.scores + later.scores,
            self.prompt_scores + later.prompt_scores,
            later.finish,
            later.error,
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded engine can take: tokens per request (prompt and answer), vocabulary size, requests at once, whether it
    holds answers to a grammar, and whether it takes adapters."""

    engine: str
    max_context: int
    vocabulary: int
    slots: int
    device: str
    parameters: int
    grammars: bool = False
    adapters: bool = False


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start, and what is there now. `busy_seconds` is time spent in steps. `prompt_tokens` were computed,
    `reused_tokens` of prompts were not, since another prompt had begun with them. Of `guessed_tokens` of answers the model
    confirmed `confirmed_tokens`."""

    running: int = 0
    waiting: int = 0
    slots: int = 0
    cached_tokens: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    steps: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    busy_seconds: float = 0.0
    reused_tokens: int = 0
    guessed_tokens: int = 0
    confirmed_tokens: int = 0

    @staticmethod
    def together(parts: "Sequence[Stats]") -> "Stats":
        """Those of several engines, added up."""
        return Stats(*(sum(getattr(each, name) for each in parts) for name in Stats.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request that a drain had to end: what it had generated, to go on from with `resume_tokens`."""

    id: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`slots` requests at once of up to `max_context` tokens (0: the model's own); `threads` of the processor (0: torch's
    default); `device` is `auto`, `cpu` or `cuda`; `prefill_tokens` bounds the prompt tokens of one step, `prefix_mb` the
    megabytes (2^20 bytes) of what was read before and is kept for prompts that begin alike (0: none is kept); `weights` `int8`
    takes less memory and time on a processor, at some loss of quality; `guess_tokens` are guessed at once, at most, of an answer
    that runs alone (0: none); `share_weights` has the engine take them from the mapped file, where it can, so that the processes of a
    machine hold them once; `adapter_mb` are the megabytes of adapters that are held (0: none are taken)."""

    slots: int = 32
    max_context: int = 0
    threads: int = 0
    device: str = "auto"
    prefill_tokens: int = 256
    prefix_mb: int = 64
    weights: Weights = "f32"
    guess_tokens: int = 0
    share_weights: bool = False
    adapter_mb: int = 0


class Engine(ABC):
    """A loaded model. Steps in its own thread; its methods are called from any event loop and never block it."""

    capabilities: Capabilities

    @abstractmethod
    def generate(self, request: Request, pause: float = 0.0) -> AsyncGenerator[Chunk, None]:
        """The answer, chunk by chunk: the first at once, then at most one per `pause` seconds, the last as the answer ends.
        Closing the iterator early cancels the request.

        Raises RequestError (or ContextLengthError) before the first chunk for what cannot be run, UnavailableError while
        draining. A failure on the way ends with a chunk whose finish is `error`.
        """

    @abstractmethod
    def cancel(self, request_id: str) -> None:
        """End a request; its place is free before the next step. Unknown ids are ignored (it may just have ended)."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """False once the thread has ended, whatever ended it."""

    @abstractmethod
    def stats(self) -> Stats: ...

    @abstractmethod
    async def drain(self, seconds: float) -> list[Unfinished]:
        """Take no more requests, let those on the way go on for `seconds`, end the rest and say what they had."""

    @abstractmethod
    def close(self) -> None:
        """End the thread and free the memory. Requests on the way end with `cancelled`."""

    async def score(self, batch: Sequence[Sequence[int]], top: int = 0) -> list[tuple[TokenScore, ...]]:
        """Log-probability of each token given those before it, for every sequence; the first token has none."""
        scores: list[tuple[TokenScore, ...]] = []
        for index, tokens in enumerate(batch):
            request = Request(f"score-{uuid.uuid4().hex}", tuple(tokens), 0, Sampling(prompt_logprobs=top))
            whole = Chunk()
            async for chunk in self.generate(request):
                whole = whole.then(chunk)
            if whole.finish == "error":
                raise RequestError(f"sequence {index} could not be scored ({whole.error})")
            scores.append(whole.prompt_scores)
        return scores

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        """A vector per sequence. Raises RequestError where the model makes none."""
        raise _no_head("embeddings")

    async def fill_mask(self, batch: Sequence[Sequence[int]], mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        """For each sequence and each `mask` in it the `top` likeliest tokens with their probabilities, best first. Raises
        RequestError where the model was not trained to."""
        raise _no_head("fill-mask")

    async def classify(self, batch: Sequence[Sequence[int]]) -> list[list[tuple[str, float]]]:
        """For each sequence the labels with their probabilities. Raises RequestError where the model has no labels."""
        raise _no_head("classify")

    def check(self, request: Request) -> None:
        """Refuse what this engine cannot run. Raises RequestError or ContextLengthError."""
        length, limit = len(request.token_ids) + len(request.resume_tokens), self.capabilities.max_context
        if not request.token_ids:
            raise RequestError("the prompt has no tokens", "at least one token", "send some text", param="prompt")
        if length > limit or (length == limit and request.max_new_tokens > 0):
            raise ContextLengthError(
                f"the prompt has {length} tokens",
                f"this model's context holds {limit}, prompt and answer together",
                "shorten the prompt",
                param="prompt",
            )
        if request.grammar and not self.capabilities.grammars:
            raise RequestError(
                f"a grammar, which the engine {self.capabilities.engine} does not hold to",
                "requests without one",
                "serve this model with the engine torch",
                param="response_format",
            )
        if request.adapter and not self.capabilities.adapters:
            raise RequestError(
                f"the adapter {request.adapter.name}, and the engine {self.capabilities.engine} takes none here",
                "the model without an adapter",
                "serve it with serving.engine torch and serving.adapter_mb",
                param="model",
            )
        tokens = request.token_ids + request.resume_tokens
        if min(tokens) < 0 or max(tokens) >= self.capabilities.vocabulary:
            raise RequestError(
                f"token id {min(tokens) if min(tokens) < 0 else max(tokens)}",
                f"ids from 0 to {self.capabilities.vocabulary - 1}",
                "tokenize with this model's tokenizer",
                param="prompt",
            )


def _no_head(task: str) -> RequestError:
    return RequestError(task, "this model cannot do that", "ask a model that was trained for it", param="model")
