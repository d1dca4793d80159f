"""What is asked before any traffic, of revisions that play a script."""

import asyncio
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest

from app.gateway.routes import Route
from app.release.examiner import ServeExaminer
from cluster.errors import UnavailableError
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, Stats, TokenScore

OLD, NEW = Route("1", "old"), Route("2", "new")


@dataclass
class Revision:
    card: ModelCard
    logprob: float = -1.0
    tokens: int = 4
    finish: str = "stop"


@dataclass
class Revisions:
    there: dict[str, Revision]

    async def card(self, app: str) -> ModelCard:
        return self.there[app].card

    async def stats(self, app: str) -> Stats:
        return Stats()

    async def generate(
        self, app: str, request: Request, pause: float, taken_within: float = 0.0
    ) -> AsyncGenerator[Chunk, None]:
        revision = self.there[app]
        scores = tuple(TokenScore(token, revision.logprob) for token in request.token_ids[1:])
        if request.max_new_tokens:
            yield Chunk((5,) * revision.tokens)
        yield Chunk(prompt_scores=scores, finish=revision.finish)  # type: ignore[arg-type]


@pytest.fixture
def revisions(card: ModelCard) -> Revisions:
    return Revisions({"old": Revision(card), "new": Revision(card)})


def probe(revisions: Revisions) -> str:
    return asyncio.run(ServeExaminer("lm", revisions, 1.5).probe(OLD, NEW))


def test_an_equal_one_may_go_on(revisions: Revisions) -> None:
    assert probe(revisions) == ""


def test_garbage_a_shorter_context_and_silence_may_not(revisions: Revisions, card: ModelCard) -> None:
    for change, word in (
        ({"logprob": -2.0}, "knows plain text badly"),
        ({"logprob": math.nan}, "knows plain text badly"),
        ({"tokens": 0}, "has no answer"),
        ({"card": replace(card, capabilities=replace(card.capabilities, max_context=64))}, "context holds 64 tokens"),
    ):
        revisions.there["new"] = replace(Revision(card), **change)  # type: ignore[arg-type]
        assert word in probe(revisions)


def test_one_that_ends_in_an_error_is_told_as_such(revisions: Revisions) -> None:
    revisions.there["new"].finish = "error"
    with pytest.raises(UnavailableError, match="ended an answer with error"):
        probe(revisions)


def test_bits_are_per_character_and_count_every_token_of_the_text(revisions: Revisions) -> None:
    examiner = ServeExaminer("lm", revisions, 1.5)
    found = asyncio.run(examiner.bits(OLD, "青石镇"))
    tokens = len(asyncio.run(examiner._open(OLD)).vocabulary.encode("青石镇", special=False))
    assert found == pytest.approx(tokens / math.log(2) / 3)
