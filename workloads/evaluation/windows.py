"""Cutting a document into overlapping windows so that every token is scored exactly once with a long context before it.

Pure arithmetic on lengths, without torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One forward pass over `[start, start + length)` of a document's inputs, of which the last `scored` predictions count.

    A document of n tokens has n inputs (the begin token and all but the last token); input i predicts token i.
    """

    document: int
    start: int
    length: int
    scored: int

    @property
    def first_scored(self) -> int:
        """Index in the document of the first token that this window scores."""
        return self.start + self.length - self.scored


def windows(document: int, tokens: int, context: int, stride: int) -> Iterator[Window]:
    """Windows over a document of `tokens` tokens: the first scores up to `context` tokens, each further one up to `stride`
    new ones and is moved so that it ends with the last of them, having all the context there is."""
    done = min(tokens, context)
    if done:
        yield Window(document, 0, done, done)
    while done < tokens:
        end = min(done + stride, tokens)
        yield Window(document, end - context, context, end - done)
        done = end
