"""A small encoder for benchmarks/semantic.py: `python benchmarks/semantic_encoder.py CORPUS.jsonl.gz OUT --minutes 6`.

No published encoder can be fetched on the machine of the benchmarks, so one is taught here: two pieces of one document are to be
alike, pieces of different ones not (Izacard et al., Unsupervised Dense Information Retrieval with Contrastive Learning, 2021). What it
knows after minutes is words and topics; it stands for the cost of an encoder, not for the quality of a good one.
"""

import argparse
import gzip
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from torch.nn.functional import cross_entropy, normalize
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PIECE, BATCH, TEMPERATURE, CHARACTERS = 64, 32, 0.05, 6_000


def documents_of(file: Path) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        texts = [str(json.loads(line)["text"]) for line in lines]
    return [text for text in texts if len(text) >= 2 * PIECE]


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    """One token a character: the most frequent ones."""
    counts = Counter("".join(text[:5_000] for text in texts))
    kept = [sign for sign, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CHARACTERS] if not sign.isspace()]
    vocabulary = {sign: number for number, sign in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *kept])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def pooled(model: BertModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    return normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


def piece(text: str, rng: random.Random) -> str:
    start = rng.randrange(max(1, len(text) - PIECE))
    return text[start : start + PIECE]


def teach(texts: list[str], minutes: float, seed: int = 1) -> tuple[BertModel, PreTrainedTokenizerFast]:
    torch.set_num_threads(1)  # two threads that wait for each other on a busy machine are ten times slower
    torch.manual_seed(seed)
    rng, tokenizer = random.Random(seed), tokenizer_of(texts)
    shape: dict[str, Any] = {"hidden_size": 96, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 192}
    model = BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=512, **shape), add_pooling_layer=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    begun, step, told = time.monotonic(), 0, 0.0
    while (spent := time.monotonic() - begun) < 60 * minutes:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * max(0.02, 1 - spent / (60 * minutes))
        chosen = rng.sample(texts, BATCH)
        pieces = [piece(text, rng) for text in chosen] + [piece(text, rng) for text in chosen]
        batch = dict(tokenizer(pieces, padding=True, truncation=True, max_length=PIECE + 2, return_tensors="pt"))
        batch.pop("token_type_ids", None)
        vectors = pooled(model, batch)
        scores = vectors[:BATCH] @ vectors[BATCH:].T / TEMPERATURE
        loss = (cross_entropy(scores, torch.arange(BATCH)) + cross_entropy(scores.T, torch.arange(BATCH))) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step, told = step + 1, 0.98 * told + 0.02 * loss.item() if step else loss.item()
        if step % 50 == 0:
            print(f"step={step} seconds={spent:.0f} loss={told:.3f}", flush=True)
    model.train(False)
    return model, tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=6)
    given = parser.parse_args()
    model, tokenizer = teach(documents_of(given.corpus), given.minutes)
    model.save_pretrained(given.out)
    tokenizer.save_pretrained(given.out)


if __name__ == "__main__":
    main()
