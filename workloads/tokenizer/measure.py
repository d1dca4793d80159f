"""What a tokenizer is worth: characters per token, overall, by source, and for smaller vocabularies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import pyarrow as pa
from tokenizers import Tokenizer

from workloads.tokenizer.documents import Document, first_characters
from workloads.tokenizer.encoding import Encoder, load_encoder, token_type
from workloads.tokenizer.spec import SMALLEST_VOCABULARY, TokenizerSpec
from workloads.tokenizer.train import cut_vocabulary

_HIDDEN_SIZES = (256, 512, 1024)  # model widths for which the curve names the size of the embedding
_SMALLEST_POINT = 500
_POINTS = 6
_CURVE_CHARACTERS = 200_000  # of text encoded once per point of the curve


@dataclass(frozen=True)
class Measure:
    """How much text a number of tokens carries. `bytes` counts UTF-8."""

    documents: int
    characters: int
    bytes: int
    tokens: int

    @property
    def characters_per_token(self) -> float:
        return self.characters / self.tokens if self.tokens else 0.0

    def to_json(self) -> dict[str, int | float]:
        return {
            "documents": self.documents,
            "characters": self.characters,
            "bytes": self.bytes,
            "tokens": self.tokens,
            "characters_per_token": round(self.characters_per_token, 4),
        }


@dataclass(frozen=True)
class CurvePoint:
    """One vocabulary size; `embedding_parameters` maps a model's width to the size of one embedding table."""

    vocabulary: int
    characters_per_token: float
    embedding_parameters: dict[int, int]

    def to_json(self) -> dict[str, object]:
        return {
            "vocabulary": self.vocabulary,
            "characters_per_token": round(self.characters_per_token, 4),
            "embedding_parameters": {str(hidden): size for hidden, size in self.embedding_parameters.items()},
        }


@dataclass(frozen=True)
class TokenizerReport:
    """report.json of a tokenizer: what it learned from, and characters per token on the split `measured_on`."""

    spec: TokenizerSpec
    vocabulary: int
    documents_learned: int
    characters_learned: int
    measured_on: str
    by_source: Mapping[str, Measure]
    curve: Sequence[CurvePoint]

    @property
    def overall(self) -> Measure:
        return Measure(*(sum(column) for column in zip(*map(astuple, self.by_source.values()), strict=True)))

    def to_json(self) -> dict[str, object]:
        return {
            "chat_template": self.spec.chat_template,
            "vocabulary_asked": self.spec.vocab_size,
            "vocabulary": self.vocabulary,
            "documents_learned": self.documents_learned,
            "characters_learned": self.characters_learned,
            "measured_on": self.measured_on,
            "overall": self.overall.to_json(),
            "by_source": {source: its.to_json() for source, its in self.by_source.items()},
            "curve": [point.to_json() for point in self.curve],
        }


def encoder_of(tokenizer: Tokenizer) -> Encoder:
    """The encoder that the tokens stage uses."""
    return load_encoder(tokenizer.to_str(), token_type(tokenizer.get_vocab_size()))


def measure(encoder: Encoder, documents: Sequence[Document]) -> Measure:
    """Encode the documents and count; the token that ends a document is not counted."""
    texts = [document.text for document in documents]
    tokens = len(encoder.encode(pa.array(texts, pa.large_string())).tokens) - len(texts)
    return Measure(len(texts), sum(map(len, texts)), sum(len(text.encode()) for text in texts), tokens)


def measure_by_source(tokenizer: Tokenizer, documents: Sequence[Document]) -> dict[str, Measure]:
    """The same for each source, the largest first."""
    by_source: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_source[document.source].append(document)
    encoder = encoder_of(tokenizer)
    measured = {source: measure(encoder, its) for source, its in by_source.items()}
    return dict(sorted(measured.items(), key=lambda item: (-item[1].characters, item[0])))


def vocabulary_curve(tokenizer: Tokenizer, documents: Sequence[Document]) -> list[CurvePoint]:
    """Characters per token of this tokenizer and of its beginnings, halved until small; one training serves all."""
    some = list(first_characters(documents, _CURVE_CHARACTERS))
    points = []
    for size in curve_sizes(tokenizer.get_vocab_size()):
        ratio = measure(encoder_of(cut_vocabulary(tokenizer, size)), some).characters_per_token
        points.append(CurvePoint(size, ratio, {hidden: hidden * size for hidden in _HIDDEN_SIZES}))
    return points


def curve_sizes(vocabulary: int) -> list[int]:
    """The vocabulary itself and its halves, down to 500 tokens or six points, in rising order."""
    sizes = [vocabulary // 2**step for step in range(_POINTS)]
    floor = max(_SMALLEST_POINT, SMALLEST_VOCABULARY)
    return sorted(size for size in sizes if size >= floor or size == vocabulary)
