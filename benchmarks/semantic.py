"""Semantic duplicates on real text: `python benchmarks/semantic.py ENCODER DOCUMENTS.jsonl.gz [--known PAIRS.jsonl.gz] [--show 20]`.

The steps of the stage one after the other in this process, on one processor: documents and pieces per second, pairs per second, what
comparing within clusters misses of all pairs, and, by kind of known pair, how many are at least so similar. `--show` prints pairs to read.
"""

import argparse
import gzip
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from workloads.corpus.semantic.clusters import cluster_count, nearest, sample_size, teach_centroids
from workloads.corpus.semantic.embed import embed
from workloads.corpus.semantic.pieces import pieces_of
from workloads.corpus.semantic.settle import lose
from workloads.models.encoder import load_encoder

THRESHOLDS = (0.8, 0.9, 0.95, 0.98)


def rows_of(file: Path) -> list[dict[str, object]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--known", type=Path)
    parser.add_argument("--documents", dest="most", type=int, default=0, help="only so many, those of known pairs first")
    parser.add_argument("--centre", action="store_true")
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = sorted(
        chosen(rows_of(given.documents), given.known, given.most), key=lambda row: (-len(str(row["text"])), str(row["id"]))
    )
    texts = [str(row["text"]) for row in rows]
    pieces = [pieces_of(text, 256, 4) for text in texts]
    encoder = load_encoder(given.encoder)
    encoder.encode(pieces[0])
    begun = time.process_time()
    vectors = embed(encoder, pieces)
    embedded, begun = time.process_time() - begun, time.process_time()
    clusters = cluster_count(0, len(texts))
    centroids = teach_centroids(clusters, given.centre, vectors[:: max(1, len(texts) // sample_size(clusters, 1))])
    units = centroids.units(vectors)
    owners = nearest(units, centroids.places)
    taught, begun = time.process_time() - begun, time.process_time()
    characters = np.array([len(text) for text in texts], np.float64)
    lost, pairs = [], 0
    for cluster in range(clusters):
        members = np.flatnonzero(owners == cluster)
        pairs += len(members) * (len(members) - 1) // 2
        found = lose(units[members], characters[members], given.threshold, 0.5)
        lost += [(members[each["place"]], members[each["winner"]], each["value"]) for each in found]
    settled = time.process_time() - begun
    whole = lose(units, characters, given.threshold, 0.5)
    result: dict[str, object] = {
        "documents": len(texts),
        "pieces": sum(map(len, pieces)),
        "parameters": sum(parameter.numel() for parameter in encoder.model.parameters()),
        "documents_per_s": round(len(texts) / embedded, 1),
        "pieces_per_s": round(sum(map(len, pieces)) / embedded, 1),
        "clusters": clusters,
        "largest_cluster": int(np.bincount(owners).max()),
        "seconds_of_clusters": round(taught, 2),
        "pairs": pairs,
        "pairs_per_s": round(pairs / settled),
        "dropped": len(lost),
        "dropped_by_all_pairs": len(whole),
        "similarity_of_random_pairs": np.quantile((units[:2000:2] @ units[1:2000:2].T).ravel(), [0.5, 0.99, 0.999])
        .round(3)
        .tolist(),
    }
    if given.known:
        result["known_pairs"] = recall(given.known, rows, units)
    print(json.dumps(result, ensure_ascii=False))
    for place, winner, value in np.random.default_rng(1).permutation(np.array(lost))[: given.show]:
        for each in (place, winner):
            row = rows[int(each)]
            print(f"{value:.3f} {len(texts[int(each)]):6} {row['id']}: {texts[int(each)][:150]!r}")
        print()


def chosen(rows: list[dict[str, object]], known: Path | None, most: int) -> list[dict[str, object]]:
    """All, or the first: of pairs that are neither made nor alike to the letter, both documents, then the others."""
    if not most:
        return rows
    pairs = [pair for pair in rows_of(known) if not str(pair["type"]).startswith("synthetic")] if known else []
    first = {str(pair[end]): None for pair in pairs if float(str(pair["jaccard5"])) < 0.8 for end in ("a", "b")}
    return sorted(rows, key=lambda row: str(row["id"]) not in first)[:most]


def recall(file: Path, rows: list[dict[str, object]], units: np.ndarray) -> dict[str, object]:
    """By kind, of pairs whose Jaccard similarity is under .8: how many, and the share at or over each threshold."""
    places = {str(row["id"]): place for place, row in enumerate(rows)}
    found = defaultdict(list)
    for pair in rows_of(file):
        a, b = places.get(str(pair["a"])), places.get(str(pair["b"]))
        if a is not None and b is not None and float(str(pair["jaccard5"])) < 0.8:
            found[str(pair["type"])].append(float(units[a] @ units[b]))
    return {
        kind: [len(values), *(round(float(np.mean(np.array(values) >= threshold)), 3) for threshold in THRESHOLDS)]
        for kind, values in sorted(found.items())
    }


if __name__ == "__main__":
    main()
