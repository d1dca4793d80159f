"""Made-up texts that make the corpus stage go through every step it has, and the recipe that asks for all of them."""

import random
from pathlib import Path

from tests.workloads.corpus.dedup_texts import edited, mixed, text_of, write
from workloads.corpus.spec import CorpusSpec

EXAM = {"question": text_of("exam", 60)}


def everything(base: str = "", folder: str = "raw") -> CorpusSpec:
    """Nothing is left out that makes a task of its own."""
    return CorpusSpec.model_validate(
        {
            "inputs": [folder],
            "base": base,
            "rules": {"entropy": None},
            "calibrate": {"rules": {"unique": 1}},
            "decontamination": {"sets": [{"path": "exam.jsonl"}]},
            "duplicates": {
                "paragraph_characters": 60,
                "passages": "cut",
                "semantic": {"model": "./encoder", "threshold": 0.999, "characters": 64},
            },
            "split_bytes": 30_000,
        }
    )


def deduplicated(base: str = "", folder: str = "raw") -> CorpusSpec:
    """Exact and near copies, shared paragraphs and passages alone."""
    duplicates = {"paragraph_characters": 60, "passages": "cut"}
    values = {"inputs": [folder], "base": base, "duplicates": duplicates, "rules": {"entropy": None}, "split_bytes": 30_000}
    return CorpusSpec.model_validate(values)


def turned(text: str) -> str:
    """The same signs in the other direction: no copy, and about the same to an encoder that hardly knows their order."""
    return text[::-1]


def write_both(folder: Path) -> None:
    """A corpus and one to extend it, with exact and near copies within and across, and shared paragraphs and passages."""
    rng = random.Random(4)
    texts = [text_of(number, 500) for number in range(120)]
    texts += [edited(rng.choice(texts), rng.choice([0, 1, 2, 25])) for _ in range(80)]
    texts += [f"{text_of(f'own {number}', 600)}{text_of('passage', 400)}\n{text_of('paragraph', 100)}" for number in range(20)]
    texts.append(turned(texts[7]))
    write(folder / "raw", "a.jsonl", mixed([{"text": text} for text in texts]))
    fresh = [edited(texts[number], number % 3) for number in range(60)] + [text_of(f"new {number}") for number in range(40)]
    fresh += [edited(text, 1) for text in fresh[60:80]] + [turned(fresh[61])] + texts[-4:-1]
    write(folder / "new", "b.jsonl", mixed([{"text": text} for text in fresh]))
