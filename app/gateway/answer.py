"""One answer: from engine chunks to pieces of text with their log-probabilities, ended by a stop string if one comes.

Not for OpenAI's JSON (shapes.py).
"""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from app.gateway.stops import StopMatcher
from app.gateway.vocabulary import Vocabulary
from cluster.errors import HanlinError, UnavailableError
from workloads.serving.engine.base import Chunk, TokenScore


@dataclass(frozen=True)
class ScoredToken:
    """A token with its natural-log probability (None for the first of an echoed prompt), the alternatives, and the place
    in the answer's text, in characters, where it begins."""

    data: bytes
    logprob: float | None
    top: tuple[tuple[bytes, float], ...]
    offset: int

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Piece:
    """What can be shown next. The last one has `finish`: `stop` or `length`."""

    text: str = ""
    scores: tuple[ScoredToken, ...] = ()
    tokens: int = 0
    finish: str | None = None


@dataclass(frozen=True)
class Echo:
    """The prompt to repeat before the answer; `scored`: with the log-probabilities of its tokens."""

    text: str
    token_ids: tuple[int, ...]
    scored: bool

    def piece(self, vocabulary: Vocabulary, scores: Sequence[TokenScore]) -> Piece:
        """The first token has no log-probability, the others have one each in `scores`."""
        if not self.scored:
            return Piece(self.text)
        found = [ScoredToken(vocabulary.token_bytes(self.token_ids[0]), None, (), 0)]
        detokenizer = vocabulary.detokenizer()
        offset = len(detokenizer.feed(self.token_ids[0]))
        for score in scores:
            found.append(scored_token(vocabulary, score, offset))
            offset += len(detokenizer.feed(score.token_id))
        return Piece(self.text, tuple(found))


@dataclass
class TextStream:
    """Turns the tokens of one answer into text."""

    vocabulary: Vocabulary
    stops: Sequence[str]
    echo: Echo | None = None
    _seen: int = 0
    _shown: int = 0
    _scores: deque[ScoredToken] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._detokenizer = self.vocabulary.detokenizer()
        self._matcher = StopMatcher(self.stops)

    def feed(self, chunk: Chunk) -> Piece:
        """The text that is certain after this chunk. Tokens after a stop string do not count."""
        if self.echo is None:
            return self._feed(chunk)
        before, self.echo = self.echo.piece(self.vocabulary, chunk.prompt_scores), None
        self._seen = self._shown = len(before.text)
        piece = self._feed(chunk)
        return Piece(before.text + piece.text, before.scores + piece.scores, piece.tokens, piece.finish)

    def _feed(self, chunk: Chunk) -> Piece:
        shown, tokens = "", 0
        scores = iter(chunk.scores)
        for token in chunk.token_ids:
            tokens += 1
            if (score := next(scores, None)) is not None:
                self._scores.append(scored_token(self.vocabulary, score, self._seen))
            text = self._detokenizer.feed(token)
            self._seen += len(text)
            shown += self._matcher.feed(text)
            if self._matcher.matched is not None:
                return self._piece(shown, tokens, "stop")
        if chunk.finish is None:
            return self._piece(shown, tokens, None)
        shown += self._matcher.feed(self._detokenizer.finish())
        if self._matcher.matched is not None:
            return self._piece(shown, tokens, "stop")
        return self._piece(shown + self._matcher.finish(), tokens, _finish_reason(chunk))

    def _piece(self, text: str, tokens: int, finish: str | None) -> Piece:
        """Scores go out with the text that they belong to; those of text that a stop string cut off never do."""
        self._shown += len(text)
        ready = []
        whole = finish is not None and self._matcher.matched is None
        while self._scores and (whole or self._scores[0].offset < self._shown):
            ready.append(self._scores.popleft())
        return Piece(text, tuple(ready), tokens, finish)


def scored_token(vocabulary: Vocabulary, score: TokenScore, offset: int) -> ScoredToken:
    """An engine's score with text in place of token ids."""
    top = tuple((vocabulary.token_bytes(token), value) for token, value in score.top)
    return ScoredToken(vocabulary.token_bytes(score.token_id), score.logprob, top, offset)


async def read_answer(chunks: AsyncGenerator[Chunk, None], stream: TextStream) -> AsyncGenerator[Piece, None]:
    """Pieces of one answer; the engine's stream is closed as soon as the answer has ended.

    Raises UnavailableError where the replica drained or ran out of time, HanlinError where its engine failed.
    """
    async with aclosing(chunks):
        async for chunk in chunks:
            piece = stream.feed(chunk)
            if piece.text or piece.scores or piece.tokens or piece.finish:
                yield piece
            if piece.finish:
                return


def _finish_reason(chunk: Chunk) -> str:
    if chunk.finish in ("stop", "length"):
        return chunk.finish
    if chunk.finish == "deadline":
        raise UnavailableError("the request took longer than the endpoint allows", "", "ask for fewer tokens or try again")
    if chunk.finish == "error":
        raise HanlinError(f"the engine failed on this request ({chunk.error})", "", "look at the replica's log")
    raise UnavailableError("the replica is going away", "", "send the request again")
