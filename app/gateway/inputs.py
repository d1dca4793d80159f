"""What a request gives as text: one or several, each as text or as token ids."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from app.gateway.body import FIRST_FAULT, MOST_ITEMS
from app.gateway.models import Served
from cluster.errors import ContextLengthError, RequestError

TokenId = Annotated[int, Field(ge=0)]
TokenIds = Annotated[list[TokenId], FIRST_FAULT, Field(max_length=1 << 20)]
Input = str | TokenIds | Annotated[list[str], FIRST_FAULT, MOST_ITEMS] | Annotated[list[TokenIds], FIRST_FAULT, MOST_ITEMS]
MAX_INPUTS = 256
"""Texts that one request may bring where each is read whole."""


def each_of(given: Input) -> list[str | list[int]]:
    """One or several texts."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [[token for token in given if isinstance(token, int)]]
    return [each for each in given if not isinstance(each, int)]


async def tokens_of(text: str | list[int], served: Served, param: str) -> tuple[int, ...]:
    """Token ids of one text. Raises RequestError for an id beyond the model's vocabulary, ContextLengthError for a text far
    beyond the model's context."""
    if isinstance(text, str):
        require_room(text, served, param)
        return await served.encode(text, special=True)
    size = served.card.capabilities.vocabulary
    if text and max(text) >= size:
        raise RequestError(f"token id {max(text)}", f"ids from 0 to {size - 1}", "use /v1/tokenize", param=param)
    return tuple(text)


def require_room(text: str, served: Served, param: str) -> None:
    """Raises ContextLengthError for a text that is too long whatever its tokens are: reading a huge one takes seconds."""
    least, limit = served.vocabulary.fewest_tokens(len(text)), served.card.capabilities.max_context
    if least > limit:
        raise ContextLengthError(
            f"a text of {len(text)} characters, more than {least} tokens",
            f"this model's context holds {limit}",
            "shorten the text",
            param=param,
        )


async def batch_of(given: Input, served: Served) -> list[tuple[int, ...]]:
    """Token ids of every text of an `input`. Raises RequestError for none, too many and empty ones, ContextLengthError."""
    texts = each_of(given)
    if not 0 < len(texts) <= MAX_INPUTS:
        raise RequestError(f"{len(texts)} texts", f"1 to {MAX_INPUTS} per request", "send several requests", param="input")
    batch = [await tokens_of(text, served, "input") for text in texts]
    limit = served.card.capabilities.max_context
    if not all(batch):
        raise RequestError("an empty text", "at least one token", "send some text", param="input")
    if (longest := max(map(len, batch))) > limit:
        raise ContextLengthError(
            f"a text has {longest} tokens", f"this model's context holds {limit}", "shorten the text", param="input"
        )
    return batch


def input_usage(batch: Sequence[Sequence[int]]) -> dict[str, int]:
    """OpenAI's usage where nothing is generated."""
    tokens = sum(map(len, batch))
    return {"prompt_tokens": tokens, "total_tokens": tokens}
