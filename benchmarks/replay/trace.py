"""The requests of a day: when the real ones came, how they share beginnings, and what real users asked. Pure but for reading.

A trace tells arrival times, lengths and hashes of 512-token blocks, but no text. Each block becomes one real query, so that prompts
share beginnings as the real ones did, and a request that came again comes again. Lengths are those of a small model: 512 tokens
become one query, 16 tokens of an answer one.
"""

import gzip
import json
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

SHORTER = 16
"""Tokens of a real answer that become one."""
_TURNS = 4
"""Blocks of a conversation's beginning that are told; an even number, so that the question after them is the user's."""
_QUERY_CHARACTERS = 40
_SYSTEM = "请简短回答。"
_MADE_UP = 3000


@dataclass(frozen=True)
class Arrival:
    """One request of a trace: seconds since its beginning, tokens of the answer, the prompt's blocks."""

    at: float
    output: int
    blocks: tuple[int, ...]

    @property
    def conversation(self) -> int:
        """The block that tells it from others; the first one is everybody's."""
        return self.blocks[1] if len(self.blocks) > 1 else self.blocks[0]


@dataclass(frozen=True)
class Ask:
    """One request of the day that is played: seconds since midnight as played, and what is sent."""

    at: float
    messages: tuple[tuple[str, str], ...]
    conversation: str
    tokens: int
    stream: bool


def read_trace(file: Path) -> list[Arrival]:
    """The real trace; where it is absent one that is made up, with conversations that come again."""
    if not file.is_file():
        return made_up_trace(_MADE_UP)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Arrival(row["timestamp"] / 1000, row["output_length"], tuple(row["hash_ids"])) for row in rows]


def made_up_trace(count: int, seed: int = 0) -> list[Arrival]:
    """Arrivals at random moments of an hour; every fourth goes on with a conversation that was there."""
    draws = random.Random(seed)
    found: list[Arrival] = []
    for number, at in enumerate(sorted(draws.uniform(0, 3600) for _ in range(count))):
        before = draws.choice(found).blocks if found and draws.random() < 0.25 else (0,)
        found.append(Arrival(at, draws.randint(16, 640), (*before, number + 1)))
    return found


def read_queries(file: Path) -> list[str]:
    """Real queries in the file's order; made-up ones where it is absent."""
    if not file.is_file():
        return [f"第{number}个问题：这件事应当怎么办？" for number in range(_MADE_UP)]
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["query"].strip()[:_QUERY_CHARACTERS] for line in lines]


def plan_day(trace: Sequence[Arrival], queries: Sequence[str], seconds: float, count: int) -> list[Ask]:
    """The trace from end to end as one day of `seconds`; about `count` requests, whole conversations of it."""
    share, end = count / len(trace), max(each.at for each in trace)
    kept = [each for each in trace if _place(each.conversation) < share]
    streams = cycle((True, False))
    return [_ask(each, queries, seconds * each.at / end, next(streams)) for each in kept]


def _ask(arrival: Arrival, queries: Sequence[str], at: float, stream: bool) -> Ask:
    texts = [queries[zlib.crc32(f"query {block}".encode()) % len(queries)] for block in arrival.blocks]
    *before, question = texts[1:] or texts
    before = before[:_TURNS] if len(before) >= _TURNS else before[: len(before) // 2 * 2]
    said = [(("user", "assistant")[place % 2], text) for place, text in enumerate(before)]
    messages = (("system", _SYSTEM), *said, ("user", question))
    return Ask(at, messages, f"conversation-{arrival.conversation}", max(1, arrival.output // SHORTER), stream)


def _place(conversation: int) -> float:
    """A number from 0 to 1 that a conversation always has."""
    return zlib.crc32(f"conversation {conversation}".encode()) / 2**32
