"""Whether an engine build answers as the reference does: the same greedy tokens, log-probabilities and bits per character.

Works on two engines of any kind. Not for making a build (remote.py).
"""

import asyncio
import math
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from workloads.serving.engine.base import Chunk, Engine, Request, Sampling, TokenScore

ANSWER_TOKENS = 64
"""Greedy tokens compared per prompt."""

_ALTERNATIVES = 8
"""The reference's likeliest tokens at each place: a build that chooses none of them is not to be served."""


@dataclass(frozen=True)
class Limits:
    """What a build may differ by. `tie`: nats between the two best tokens below which either may come first; `error`: mean
    absolute difference of log-probabilities in nats; `bits`: more bits per character, as a share of the reference's."""

    tie: float
    error: float
    bits: float


LIMITS = {
    "f32": Limits(0.001, 0.0005, 0.0001),
    "bf16": Limits(0.1, 0.02, 0.002),
    "int8": Limits(0.2, 0.05, 0.005),
    "int4": Limits(0.6, 0.12, 0.02),
}
"""By weights: several times what sound builds showed (docs/decisions/0023-openvino.md and 0034-four-bits-and-shared-pages.md have the figures)."""


@dataclass(frozen=True)
class Parity:
    """What the comparison found. `equal` of `prompts` answers are the same to the end; the others part where the reference
    held the two tokens `widest_tie` nats apart at most. Errors are in nats; bits per character are 0 without text."""

    prompts: int
    equal: int
    tokens: int
    widest_tie: float
    scored: int
    error_mean: float
    error_most: float
    bits_reference: float
    bits_build: float

    @property
    def rise(self) -> float:
        """More bits per character than the reference needs, as a share: what is lost."""
        return self.bits_build / self.bits_reference - 1 if self.bits_reference else 0.0

    def refusal(self, limits: Limits) -> str:
        """Why a build is not to be served; empty where it is as good as the reference."""
        if not self.prompts:
            return "nothing could be compared"
        found = (
            (self.widest_tie, limits.tie, "greedy answers part from the reference where it held the tokens {:.3g} nats apart"),
            (self.error_mean, limits.error, "log-probabilities are {:.3g} nats off on the mean"),
            (self.rise, limits.bits, "bits per character rise by {:.3g} of the reference's"),
        )
        reasons = [f"{text.format(value)} (at most {most:g})" for value, most, text in found if not value <= most]
        return "; ".join(reasons)

    def metrics(self) -> dict[str, float]:
        found = asdict(self) | {"bits_rise": self.rise}
        return {name: float(value) for name, value in found.items() if math.isfinite(value)}


async def compare(
    reference: Engine, build: Engine, prompts: Sequence[Sequence[int]], texts: Sequence[tuple[str, Sequence[int]]]
) -> Parity:
    """Run both on `prompts` (token ids) and score `texts` (text and its token ids) with both."""
    ties = await asyncio.gather(*(_first_difference(reference, build, prompt) for prompt in prompts))
    sequences = [tokens for _, tokens in texts if len(tokens) > 1]
    expected, found = await reference.score(sequences), await build.score(sequences)
    errors = [abs(a.logprob - b.logprob) for a, b in zip(_flat(expected), _flat(found), strict=True)]
    characters = sum(len(text) for text, tokens in texts if len(tokens) > 1)
    return Parity(
        prompts=len(prompts),
        equal=sum(tie is None for tie in ties),
        tokens=ANSWER_TOKENS * len(prompts),
        widest_tie=max((tie for tie in ties if tie is not None), default=0.0),
        scored=len(errors),
        error_mean=sum(errors) / len(errors) if errors else 0.0,
        error_most=max(errors, default=0.0),
        bits_reference=_bits(expected, characters),
        bits_build=_bits(found, characters),
    )


async def _first_difference(reference: Engine, build: Engine, prompt: Sequence[int]) -> float | None:
    """Nats by which the reference preferred its token where the answers part; None where they never do."""
    expected, found = await _answer(reference, prompt), await _answer(build, prompt)
    for mine, theirs in zip(expected.scores, found.scores, strict=False):
        if mine.token_id != theirs.token_id:
            other = dict(mine.top).get(theirs.token_id, -math.inf)
            return mine.logprob - other
    return None if len(expected.token_ids) == len(found.token_ids) else math.inf


async def _answer(engine: Engine, prompt: Sequence[int]) -> Chunk:
    count = min(ANSWER_TOKENS, engine.capabilities.max_context - len(prompt))
    request = Request(f"parity-{uuid.uuid4().hex}", tuple(prompt), count, Sampling(temperature=0, logprobs=_ALTERNATIVES))
    answer = Chunk()
    async for chunk in engine.generate(request):
        answer = answer.then(chunk)
    return answer


def _flat(batch: Sequence[Sequence[TokenScore]]) -> list[TokenScore]:
    return [score for scores in batch for score in scores]


def _bits(batch: Sequence[Sequence[TokenScore]], characters: int) -> float:
    return -sum(score.logprob for score in _flat(batch)) / math.log(2) / characters if characters else 0.0
