"""Evaluation sets kept out of real text: `python benchmarks/decontamination.py CORPUS.jsonl.gz EVALUATION_FOLDER [...]`.

Leaks are planted: items of the sets, set in the forms in which they are found on the web, in the middle of real documents. Prints one
JSON line: recall by form, documents dropped that hold no planted item, and megabytes per second of one processor.
"""

import gzip
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from zhconv_rs import zhconv

from workloads.corpus.decontamination.hits import Decontaminator, build_decontaminator
from workloads.corpus.decontamination.items import Item, find_sets, read_items
from workloads.corpus.decontamination.spec import DecontaminationSpec, EvaluationSetSpec
from workloads.text.fold import fold

FIELDS = ("question", "Question", "A", "B", "C", "D")
PLANTED = 400
FORMS = {
    "lines": lambda parts: parts[0] + "".join(f"\n{label}. {part}" for label, part in zip("ABCD", parts[1:], strict=False)),
    "one line": lambda parts: (
        parts[0] + " " + " ".join(f"{label}、{part}" for label, part in zip("ABCD", parts[1:], strict=False))
    ),
    "brackets": lambda parts: (
        parts[0] + "".join(f"（{label}）{part}；" for label, part in zip("ABCD", parts[1:], strict=False))
    ),
    "no labels": lambda parts: "\n".join(parts),
    "Traditional": lambda parts: str(zhconv("\n".join(parts), "zh-hant", False)),
    "cut to half the choices": lambda parts: "\n".join(parts[:3]),
}


def items_of(folders: list[str]) -> list[Item]:
    sets = [(EvaluationSetSpec(path=folder, fields=FIELDS), str(Path(folder).resolve())) for folder in folders]
    return read_items(find_sets(sets))


def recall(decontaminator: Decontaminator, documents: list[str]) -> dict[str, float]:
    rng = random.Random(1)
    able = [number for number, total in enumerate(decontaminator.index.totals) if total]
    found = {}
    for form, write in FORMS.items():
        hits = 0
        for number in rng.sample(able, PLANTED):
            host = rng.choice(documents)[:2000]
            text = f"{host[:1000]}\n{write(decontaminator.items[number].parts)}\n{host[1000:]}"
            hits += any(hit.item == number and hit.quoted for hit in decontaminator.hits(text, fold(text)))
        found[form] = round(hits / PLANTED, 4)
    return found


def main() -> None:
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as lines:
        documents = [str(json.loads(line)["text"]) for line in lines]
    decontaminator = build_decontaminator(items_of(sys.argv[2:]), DecontaminationSpec())
    folded = [fold(text) for text in documents]
    begun, outcome = time.process_time(), Counter[str]()
    for text, own in zip(documents, folded, strict=True):
        hits = decontaminator.hits(text, own)
        outcome["dropped"] += any(hit.quoted for hit in hits)
        outcome["reach the share"] += any(hit.share >= decontaminator.min_share for hit in hits)
        outcome["hold a part"] += bool(hits)
    seconds = time.process_time() - begun
    result = {
        "documents": len(documents),
        "items": len(decontaminator.items),
        "searched": int((decontaminator.index.totals > 0).sum()),
        "recall_of_planted": recall(decontaminator, documents),
        **outcome,
        "MB_per_s": round(sum(len(text.encode()) for text in documents) / 1e6 / seconds, 1),
    }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
