"""How many near duplicates are found, and how surely: `python benchmarks/dedup.py [FOLDER]`.

FOLDER (default ../shared/data/dedup) holds docs.jsonl.gz and pairs of known kind and similarity. Prints one JSON line: recall
of the pairs whose folded texts have a Jaccard similarity of at least .8, by kind; precision of the links after verification,
against sets of strings; Simplified and Traditional twins; and what of the pairs from .5 on ends on one side of the split.
No Ray: the functions are those that the corpus stage runs on its partitions.
"""

import gzip
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from workloads.corpus.dedup.candidates import KEY, pairs_of_buckets
from workloads.corpus.dedup.components import label
from workloads.corpus.dedup.layout import Layout, Table
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.dedup.verify import compare
from workloads.text.fold import fold
from workloads.text.minhash import band_keys
from workloads.text.normalise import normalise

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "dedup"
TWINS = ("trad_simp_parallel", "synthetic_s2t")
Pair = tuple[str, str]


def rows_of(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def similarity(left: str, right: str) -> float:
    """Jaccard of the 5-grams as strings, for texts of five letters or more."""
    a, b = ({text[at : at + 5] for at in range(max(1, len(text) - 4))} for text in (left, right))
    return len(a & b) / len(a | b) if a | b else 1.0


def candidate_pairs(texts: list[str], spec: DuplicatesSpec) -> Table:
    keys = [np.frombuffer(each, "<u8") for each in band_keys(texts, spec.bands, spec.rows)]
    table = np.zeros(sum(map(len, keys)), KEY)
    table["key"], table["row"] = np.concatenate(keys), np.repeat(np.arange(len(keys)), [len(each) for each in keys])
    return pairs_of_buckets(Layout(1, 1, 1), table)[0]


def share(found: list[bool]) -> str:
    return f"{sum(found)}/{len(found)} {sum(found) / max(len(found), 1):.3f}"


def grouped(links: Table, count: int) -> np.ndarray:
    """For each document the smallest of its group."""
    names = np.arange(count, dtype=np.uint64)
    rows, roots = label(links["a"], links["b"])
    names[rows.astype(np.intp)] = roots
    return names


def report(folder: Path) -> dict[str, object]:
    spec = DuplicatesSpec()
    documents = rows_of(folder / "docs.jsonl.gz")
    place = {each["id"]: index for index, each in enumerate(documents)}
    begun = time.process_time()
    texts = [fold(normalise(each["text"])) for each in documents]
    folded = time.process_time()
    pairs = candidate_pairs(texts, spec)
    signed = time.process_time()
    rows = np.union1d(pairs["a"], pairs["b"])
    links = compare(pairs, rows, pa.array([texts[row] for row in rows.tolist()], pa.large_string()), spec.split_threshold)
    verified = time.process_time()
    near = links[links["value"] >= spec.threshold]
    kinds: dict[tuple[int, int], str] = {}
    for name, other in (("pairs_all_j040", "unplanned"), ("pairs_known", "")):
        for each in rows_of(folder / f"{name}.jsonl.gz"):
            ends = sorted((place[each["a"]], place[each["b"]]))
            kinds[ends[0], ends[1]] = each.get("type", other)
    truth = {(a, b): similarity(texts[a], texts[b]) for a, b in kinds}
    groups, sides = grouped(near, len(texts)), grouped(links, len(texts))
    direct, together, aside = defaultdict(list), defaultdict(list), []
    linked = set(zip(near["a"].tolist(), near["b"].tolist(), strict=True))
    for (a, b), kind in kinds.items():
        if truth[a, b] >= spec.threshold:
            direct[kind].append((a, b) in linked)
            together[kind].append(bool(groups[a] == groups[b]))
        if truth[a, b] >= spec.split_threshold:
            aside.append(bool(sides[a] == sides[b]))
    right = [similarity(texts[a], texts[b]) >= spec.threshold for a, b in sorted(linked)]
    return {
        "documents": len(documents),
        "megabytes": round(sum(len(each["text"].encode()) for each in documents) / 1e6, 1),
        "candidates": len(pairs),
        "recall_of_pairs": share([each for found in direct.values() for each in found]),
        "recall_in_one_group": share([each for found in together.values() for each in found]),
        "precision": share(right),
        "by_kind_in_one_group": {kind: share(found) for kind, found in sorted(together.items())},
        "twins": share([each for kind in TWINS for each in together[kind]]),
        "on_one_side_from_split_threshold": share(aside),
        "largest_side": int(np.bincount(sides.astype(np.intp)).max()),
        "processor_seconds": {
            "fold": round(folded - begun, 2),
            "sign": round(signed - folded, 2),
            "verify": round(verified - signed, 2),
        },
    }


def main() -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else SHARED
    if not folder.exists():
        print(json.dumps({"skipped": "no data with known pairs here; give its folder"}))
        return
    print(json.dumps(report(folder), ensure_ascii=False))


if __name__ == "__main__":
    main()
