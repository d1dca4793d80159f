"""Speed of the corpus stage beside what rensa alone needs to hash the same text: `python benchmarks/corpus.py [FILE.jsonl.gz]`.

Without a file: ../shared/data/corpus/zh_small.jsonl.gz, or generated text where that is absent. Prints one JSON line.
"""

import gzip
import json
import random
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from rensa import RMinHash

from cluster.artifacts import ArtifactStore
from cluster.observe.progress import Value
from cluster.session import session
from cluster.stage import StageContext
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus
from workloads.text.minhash import BANDS, ROWS, SEED, SHINGLE, band_keys

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "corpus" / "zh_small.jsonl.gz"
GENERATED_DOCUMENTS = 10_000


class Stopwatch:
    """A reporter that keeps when each step began."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        self.begun = {"start": time.perf_counter()}

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        self.begun.setdefault(str(facts.get("step", stage)).split(" ")[0], time.perf_counter())

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        self.begun["end"] = time.perf_counter()

    def note(self, event: str, **facts: Value) -> None: ...

    def seconds(self) -> dict[str, float]:
        times = list(self.begun.items())
        return {name: round(after - begun, 2) for (name, begun), (_, after) in pairwise(times)}


def generate(file: Path) -> None:
    """Lines of Han drawn by a falling frequency, with marks and repeated phrases, about as long as news."""
    rng = random.Random(1)
    signs = [chr(0x4E00 + 7 * rank) for rank in range(2000)]
    weights = [1 / (rank + 5) for rank in range(2000)]
    phrases = ["".join(rng.choices(signs, weights, k=rng.randint(4, 12))) for _ in range(20_000)]
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=3) as out:
        for _ in range(GENERATED_DOCUMENTS):
            text = "，".join(rng.choices(phrases, k=80)) + "。"
            out.write(json.dumps({"text": text, "source": "generated"}, ensure_ascii=False) + "\n")


def raw_seconds(texts: list[str]) -> tuple[float, float]:
    """One process: rensa on lists of 5-grams as its users call it, and this project's way into it (both without folding)."""
    begun = time.perf_counter()
    for at in range(0, len(texts), 500):
        sets = [[text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))] for text in texts[at : at + 500]]
        RMinHash.digest_matrix_from_token_sets(sets, BANDS * ROWS, SEED)
    between = time.perf_counter()
    for at in range(0, len(texts), 500):
        band_keys(texts[at : at + 500])
    return between - begun, time.perf_counter() - between


def stage_seconds(file: Path, folder: Path) -> tuple[dict[str, float], int, int]:
    """(seconds per step, documents read, documents kept), in a session that has its workers up already."""
    watch = Stopwatch()
    with session():
        for run in ("warm", "timed"):
            context = StageContext("bench", ArtifactStore(str(folder / run)), watch)
            counts = build_corpus(CorpusSpec.model_validate({"inputs": str(file)}), context).manifest.counts
    return watch.seconds(), counts["documents_read"], counts["documents_kept"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[1]) if sys.argv[1:] else SHARED
        if not file.exists():
            file = Path(folder) / "generated.jsonl.gz"
            generate(file)
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            texts = [str(json.loads(line)["text"]) for line in lines]
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        peer, ours = raw_seconds(texts)
        steps, read, kept = stage_seconds(file, Path(folder))
    stage = sum(steps.values())
    result = {
        "input": file.name,
        "MB": round(megabytes, 1),
        "documents": read,
        "kept": kept,
        "stage_seconds": round(stage, 2),
        "steps": steps,
        "stage_MB_per_s": round(megabytes / stage, 2),
        "rensa_token_lists_MB_per_s": round(megabytes / peer, 1),
        "rensa_flat_hashes_MB_per_s": round(megabytes / ours, 1),
        "stage_over_rensa": round(peer / stage, 3),
    }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
