"""One request as vLLM is asked it, and what its outputs mean to us. Not for the thread and the loop (engine.py)."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from workloads.serving.engine.base import Chunk, Finish, Request, TokenScore
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.vllm.wanted import KEY, wanted_of


class Answer:
    """`tokens` are those generated here."""

    def __init__(self, request: Request, stream: Stream, max_context: int) -> None:
        self.request, self.stream = request, stream
        self.tokens: list[int] = []
        self._given = (*request.token_ids, *request.resume_tokens)
        self._room = min(request.max_new_tokens - len(request.resume_tokens), max_context - len(self._given))

    @property
    def length(self) -> int:
        """Tokens of it in the cache, at most."""
        return len(self._given) + len(self.tokens)

    def prompt(self) -> Any:
        from vllm.inputs import TokensPrompt

        return TokensPrompt(prompt_token_ids=list(self._given))

    def parameters(self) -> Any:
        """vLLM's SamplingParams. It always chooses the likeliest: draws.py sees to it that this is ours."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        sampling, wanted = self.request.sampling, wanted_of(self.request)
        return SamplingParams(
            temperature=0.0,
            max_tokens=max(self._room, 1),
            stop_token_ids=sorted(self.request.stop_token_ids),
            ignore_eos=True,
            logprobs=sampling.logprobs,
            prompt_logprobs=sampling.prompt_logprobs,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args=None if wanted is None else {KEY: list(wanted)},
        )

    def take(self, output: Any) -> Chunk:
        """What an output of vLLM's tells."""
        said = output.outputs[0]
        tokens, scores = tuple(said.token_ids), _scores(said.token_ids, said.logprobs, self.request.sampling.logprobs)
        finish: Finish | None = None
        if said.finish_reason is not None:
            finish = "stop" if said.finish_reason == "stop" else "length"
        if finish == "stop" and tokens and tokens[-1] in self.request.stop_token_ids:
            tokens, scores = tokens[:-1], scores[:-1]
        if self._room < 1:  # nothing was to be said: vLLM says one token at least
            tokens, scores, finish = (), (), finish and "length"
        self.tokens += tokens
        return Chunk(tokens, scores, self._prompt_scores(output.prompt_logprobs), finish)

    def tell(self, chunk: Chunk) -> None:
        """To whoever waits, on its own loop."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self.stream.loop.call_soon_threadsafe(self.stream.put, chunk)

    def _prompt_scores(self, logprobs: Sequence[Mapping[int, Any] | None] | None) -> tuple[TokenScore, ...]:
        """Of the prompt that the client sent, but for its first token."""
        if not logprobs:
            return ()
        known = self.request.token_ids
        return _scores(known[1:], logprobs[1 : len(known)], self.request.sampling.prompt_logprobs)


def _scores(
    tokens: Sequence[int], logprobs: Sequence[Mapping[int, Any] | None] | None, count: int | None
) -> tuple[TokenScore, ...]:
    if count is None or not logprobs:
        return ()
    return tuple(_score(token, each or {}, count) for token, each in zip(tokens, logprobs, strict=True))


def _score(token: int, told: Mapping[int, Any], count: int) -> TokenScore:
    best = sorted(told.items(), key=lambda each: each[1].rank)[:count]
    return TokenScore(token, told[token].logprob, tuple((other, each.logprob) for other, each in best))
