"""One evaluation from the artifacts' bytes to a `Result`: score, baselines, samples. No Ray: stage.py sends it where it runs."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cluster.artifacts import Artifact
from cluster.errors import ArtifactError
from workloads.evaluation.bits import Resamples, by_source
from workloads.evaluation.documents import Document, heldout_documents, training_texts
from workloads.evaluation.result import Amounts, Point, Result, Scorer, SourceScore
from workloads.evaluation.samples import Sample, Sampling, continue_prompts, repetition
from workloads.evaluation.score import Scoring, document_bits
from workloads.evaluation.spec import EvaluationSpec
from workloads.models.folder import load_model
from workloads.text import ngram

END_OF_DOCUMENT = "<|endoftext|>"
MODEL = "this model"
_BEGINNING = 24  # characters of a held-out document that a sample starts from
Tell = Callable[[int, int, str], None]
Floats = NDArray[np.float64]


def evaluate(spec: EvaluationSpec, model: Artifact, corpus: Artifact, seed: int, tell: Tell) -> Result:
    """Evaluate on held-out documents of `corpus`. `tell(done, total, what)` hears the tokens scored and what goes on.

    Raises ArtifactError where a file differs from its manifest, nothing is held out or the model gives no probabilities.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        documents = heldout_documents(corpus, spec.max_documents, spec.max_characters)
        folder = model.local_folder()
        network, tokenizer = _load(folder, spec.gpus)
        tokens = [
            encoding.ids for encoding in tokenizer.encode_batch_fast([d.text for d in documents], add_special_tokens=False)
        ]
    total = sum(map(len, tokens))
    scoring = _scoring(spec, network, tokenizer)
    with _timed(seconds, "score"):
        bits = {MODEL: document_bits(network, tokens, scoring, lambda done: tell(done, total, "scoring"))}
    if not np.isfinite(bits[MODEL]).all():
        raise ArtifactError(f"{model} gives no probabilities (NaN or infinite)", "", "lower the learning rate and train again")
    with _timed(seconds, "samples"):
        tell(total, total, "writing samples")
        samples = _samples(spec, network, tokenizer, documents, seed, scoring.begin_token)
    with _timed(seconds, "baselines"):
        tell(total, total, "baselines")
        texts = training_texts(corpus, spec.baseline_characters)
        bits |= _baselines(texts, documents, spec.baseline_order)
    return Result(
        model=model.location.name,
        corpus=corpus.location.name,
        amounts=Amounts(len(documents), sum(d.characters for d in documents), sum(d.bytes for d in documents), total),
        scorers=_scorers(bits, documents, spec.resamples, seed),
        sources=_sources(bits, documents, spec.resamples, seed),
        samples=samples,
        curve=training_curve(model),
        context=scoring.context,
        stride=scoring.stride,
        baseline_characters=sum(map(len, texts)),
        seconds=seconds,
    )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - start, 3)


def _load(folder: Path, gpus: int) -> tuple[Any, Tokenizer]:
    network: Any = load_model(folder)
    network = network.to("cuda" if gpus else "cpu")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # a document that spells a special token means the letters
    return network, tokenizer


def _scoring(spec: EvaluationSpec, network: Any, tokenizer: Tokenizer) -> Scoring:
    longest = int(network.config.max_position_embeddings)
    context = min(spec.context or longest, longest)
    stride = min(spec.stride or max(context // 2, 1), context)
    begin = tokenizer.token_to_id(END_OF_DOCUMENT)
    if begin is None:
        raise ArtifactError(
            f"the model's tokenizer has no {END_OF_DOCUMENT}", "it stands before each document", "train it again"
        )
    return Scoring(begin, context, stride, spec.batch)


def _baselines(texts: Sequence[str], documents: Sequence[Document], order: int) -> dict[str, Floats]:
    heldout = [document.text for document in documents]
    return {_ngram_name(n): ngram.train(texts, n).bits(heldout) for n in (1, order)}


def _ngram_name(order: int) -> str:
    return "unigram" if order == 1 else f"{order}-gram"


def _scorers(bits: dict[str, Floats], documents: Sequence[Document], resamples: int, seed: int) -> tuple[Scorer, ...]:
    draws = Resamples.draw(len(documents), resamples, seed)
    characters = np.array([d.characters for d in documents], dtype=float)
    size = np.array([d.bytes for d in documents], dtype=float)
    return tuple(
        Scorer(
            name,
            draws.ratio(mine, characters),
            draws.ratio(mine, size),
            None if name == MODEL else draws.ratio(mine - bits[MODEL], characters),
        )
        for name, mine in bits.items()
    )


def _sources(bits: dict[str, Floats], documents: Sequence[Document], resamples: int, seed: int) -> tuple[SourceScore, ...]:
    names = [d.source for d in documents]
    characters = np.array([d.characters for d in documents], dtype=float)
    scores = {name: by_source(names, mine, characters, resamples, seed) for name, mine in bits.items()}
    return tuple(
        SourceScore(
            source,
            names.count(source),
            sum(d.characters for d in documents if d.source == source),
            {name: found[source] for name, found in scores.items()},
        )
        for source in sorted(set(names))
    )


def _samples(
    spec: EvaluationSpec, network: Any, tokenizer: Tokenizer, documents: Sequence[Document], seed: int, begin: int
) -> tuple[Sample, ...]:
    prompts = [(prompt, "") for prompt in spec.prompts] or [
        (d.text[:_BEGINNING], d.text[_BEGINNING:]) for d in documents if d.characters > 2 * _BEGINNING
    ][: spec.samples]
    if not prompts:
        return ()
    longest = int(network.config.max_position_embeddings)
    room = max(longest - spec.sample_tokens, 1)
    starts = [[begin, *tokenizer.encode(prompt, add_special_tokens=False).ids][-room:] for prompt, _ in prompts]
    sampling = Sampling(
        min(spec.sample_tokens, longest - 1), spec.temperature, seed, frozenset({begin, *_end_tokens(network)}), begin
    )
    samples = []
    for i, ((prompt, rest), ids) in enumerate(zip(prompts, continue_prompts(network, starts, sampling), strict=True)):
        text = tokenizer.decode(ids, skip_special_tokens=False)
        original = rest[: len(text)]
        ended = len(ids) < sampling.tokens
        samples.append(Sample(prompt, text, seed + i, len(ids), ended, repetition(text), original, repetition(original)))
    return tuple(samples)


def _end_tokens(network: Any) -> list[int]:
    end = network.generation_config.eos_token_id
    return [] if end is None else [end] if isinstance(end, int) else list(end)


def training_curve(model: Artifact) -> tuple[Point, ...]:
    """The losses in the model artifact's training/metrics.jsonl; empty where it has none."""
    if not model.entries("training/metrics.jsonl"):
        return ()
    records = [json.loads(line) for line in model.read("training/metrics.jsonl").splitlines() if line.strip()]
    return tuple(Point(int(r["step"]), _finite(r.get("loss")), _finite(r.get("heldout_loss"))) for r in records if "step" in r)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
