"""Texts that wait to be encoded (embedded, classified, filled in), from many callers, run together in passes of like lengths.

Not for what a pass computes, nor for generating (batch.py): these texts are read once, whole, and hold no place.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cluster.errors import RequestError, UnavailableError


@dataclass(frozen=True, slots=True)
class Task:
    """What to make of a text: the `top` likeliest tokens for each `mask` in it, a vector, or probabilities of labels."""

    kind: Literal["embed", "classify", "fill_mask"]
    mask: int = -1
    top: int = 0


@dataclass(frozen=True, eq=False)
class _Text:
    task: Task
    tokens: tuple[int, ...]
    answer: "asyncio.Future[Any]"

    def tell(self, result: Any) -> None:
        """From the engine's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self.answer.get_loop().call_soon_threadsafe(self._settle, result)

    def _settle(self, result: Any) -> None:
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Encodings:
    """A queue. `encode` turns the texts of one pass, all of one task, into results; `budget` is how many tokens a pass holds,
    padded; a longer text runs alone."""

    def __init__(self, encode: Callable[[Task, list[tuple[int, ...]]], list[Any]], budget: int) -> None:
        self._encode, self._budget = encode, budget
        self._waiting: list[_Text] = []

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, task: Task, batch: Sequence[Sequence[int]], submit: Callable[[Callable[[], None]], None]) -> list[Any]:
        """The results of these texts, in order; `submit` hands work to the engine's thread. Raises RequestError where the
        model failed on them, UnavailableError where the engine ends before."""
        loop = asyncio.get_running_loop()
        texts = [_Text(task, tuple(tokens), loop.create_future()) for tokens in batch]
        submit(lambda: self._waiting.extend(texts))
        return list(await asyncio.gather(*(text.answer for text in texts)))

    def step(self) -> None:
        """Run one pass, if any text waits. In the engine's thread, as everything below."""
        self._waiting = [text for text in self._waiting if not text.answer.cancelled()]
        if not self._waiting:
            return
        task = self._waiting[0].task
        alike = [text for text in self._waiting if text.task == task]
        texts = [alike[index] for index in choose([len(text.tokens) for text in alike], self._budget)]
        taken = set(texts)
        self._waiting = [text for text in self._waiting if text not in taken]
        try:
            results = self._encode(task, [text.tokens for text in texts])
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to these texts
            self._tell_all(texts, RequestError(f"the model failed on this input ({type(error).__name__}: {error})"))
        else:
            for text, result in zip(texts, results, strict=True):
                text.tell(result)

    def end(self) -> None:
        """Nothing runs any more."""
        self._tell_all(self._waiting, UnavailableError("this replica is being stopped", "", "send the request again"))
        self._waiting = []

    def _tell_all(self, texts: list[_Text], error: Exception) -> None:
        for text in texts:
            text.tell(error)


def choose(lengths: Sequence[int], budget: int) -> list[int]:
    """Which texts run next: the one that has waited longest, and those nearest to it in length, while all fit padded."""
    first = lengths[0]
    chosen, width = [0], first
    for index in sorted(range(1, len(lengths)), key=lambda each: (abs(lengths[each] - first), each)):
        wider = max(width, lengths[index])
        if wider * (len(chosen) + 1) > budget:
            break
        chosen.append(index)
        width = wider
    return chosen
