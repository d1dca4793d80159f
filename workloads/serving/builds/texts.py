"""What a build is compared on: held-out text of the corpus and the beginnings of it, as token ids.

Not for measuring a model: workloads/evaluation does that.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from cluster.artifacts import Artifact

_DOCUMENTS = 32
_CHARACTERS = 600
_PROMPTS = 16
_PROMPT_TOKENS = 24
_WITHOUT_CORPUS = ("春天，农人把秧苗插进水田；", "从前有一座山，", "问：今天天气怎么样？\n答：", "The weather today is ")


@dataclass(frozen=True)
class Samples:
    """`texts` are (text, token ids) to score, `prompts` token ids to answer."""

    texts: tuple[tuple[str, tuple[int, ...]], ...]
    prompts: tuple[tuple[int, ...], ...]


def sample_texts(corpus: Artifact | None, model: Path, max_context: int) -> Samples:
    """Of the first held-out documents, each cut short; of a few fixed sentences where there is no corpus."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    found = list(islice(_heldout(corpus), _DOCUMENTS)) if corpus else []
    encoded = [(text, _encode(tokenizer, text)) for text in found or _WITHOUT_CORPUS]
    usable = [(text, tokens) for text, tokens in encoded if 1 < len(tokens) < max_context]
    prompts = tuple(tokens[: min(_PROMPT_TOKENS, max_context // 2)] for _, tokens in encoded[:_PROMPTS] if tokens)
    return Samples(tuple(usable), prompts)


def _encode(tokenizer: object, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False).ids)  # type: ignore[attr-defined]


def _heldout(corpus: Artifact) -> Iterator[str]:
    for entry in sorted(corpus.entries("documents/"), key=lambda entry: entry.path):
        table = pq.read_table(io.BytesIO(corpus.read(entry.path)), columns=["text", "split"])
        for row in table.to_pylist():
            if row["split"] == "heldout" and row["text"]:
                yield row["text"][:_CHARACTERS]
