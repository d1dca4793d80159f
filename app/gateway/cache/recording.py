"""A whole answer as it is kept: one piece of text per choice, as bytes that any gateway can read."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.gateway.answer import Piece, ScoredToken

Event = tuple[int, Piece]
"""The index of a choice and what comes next of it."""


def join(events: Iterable[Event]) -> list[Event]:
    """The same answer in as few events as there are choices."""
    joined: dict[int, Piece] = {}
    for index, piece in events:
        joined[index] = _then(joined[index], piece) if index in joined else piece
    return sorted(joined.items(), key=lambda each: each[0])


@dataclass(frozen=True)
class Recording:
    """Every choice of an answer, whole."""

    events: tuple[Event, ...]

    @property
    def whole(self) -> bool:
        """Whether every choice came to its own end."""
        return bool(self.events) and all(piece.finish in ("stop", "length") for _, piece in self.events)

    def to_bytes(self) -> bytes:
        return orjson.dumps([[index, p.text, [_score(s) for s in p.scores], p.tokens, p.finish] for index, p in self.events])

    @staticmethod
    def from_bytes(data: bytes) -> "Recording":
        """Raises ValueError for what `to_bytes` did not write."""
        try:
            unpacked = orjson.loads(data)
            if not isinstance(unpacked, list):
                raise TypeError("no list")
            return Recording(tuple(_event(*each) for each in unpacked))
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a kept answer ({error})") from error


def _event(index: int, text: str, scores: list[Any], tokens: int, finish: str | None) -> Event:
    return index, Piece(text, tuple(map(_scored, scores)), tokens, finish)


def _then(piece: Piece, later: Piece) -> Piece:
    return replace(later, text=piece.text + later.text, scores=piece.scores + later.scores, tokens=piece.tokens + later.tokens)


def _score(score: ScoredToken) -> list[Any]:
    return [_text(score.data), score.logprob, [[_text(data), value] for data, value in score.top], score.offset]


def _scored(packed: list[Any]) -> ScoredToken:
    data, logprob, top, offset = packed
    return ScoredToken(_bytes(data), logprob, tuple((_bytes(each), value) for each, value in top), offset)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
