"""This project's side of corpus_peers.py: `python peers/corpus.py INPUT.jsonl FOLDER TOKENIZER`. Prints one JSON line.

TOKENIZER is the folder of a tokenizer learned from the beginning of the input; where it is absent it is learned first, which
is not timed, as it is not for the peers. What is timed: imports, the start of Ray, the corpus and the tokens stage.
"""

import json
import sys
import time
from pathlib import Path

BEGUN = time.perf_counter()


def main() -> None:
    begun = BEGUN
    source, folder, learned = (Path(each) for each in sys.argv[1:4])
    if not (learned / "done").exists():
        learn(source, learned)
        begun = time.perf_counter()
    stages: dict[str, float] = {}
    from benchmarks.corpus import Stopwatch
    from cluster.artifacts import ArtifactStore
    from cluster.session import session
    from cluster.stage import StageContext
    from workloads.corpus.stage import build_corpus
    from workloads.tokenizer.spec import TokensSpec
    from workloads.tokenizer.stage import pack_tokens

    tokenizer = ArtifactStore(str(learned)).ref("bench", "tokenizer")
    watch = Stopwatch()
    context = StageContext("bench", ArtifactStore(str(folder)), watch)
    with session():
        stages["begin"] = time.perf_counter() - begun
        between = time.perf_counter()
        corpus = build_corpus(spec(source), context)
        stages |= watch.seconds() | {"corpus": time.perf_counter() - between}
        between = time.perf_counter()
        tokens = pack_tokens(TokensSpec(), corpus, tokenizer, context)
        stages["tokens"] = time.perf_counter() - between
        between = time.perf_counter()
    stages["stop"] = time.perf_counter() - between
    counts = corpus.manifest.counts
    result = {
        "docs_in": counts["documents_read"],
        "after_dedup": counts["documents_kept"],
        "after_filter": counts["documents_kept"] + counts["dropped_exact_duplicate"] + counts["dropped_near_duplicate"],
        "tokens": tokens.manifest.counts["tokens_train"] + tokens.manifest.counts.get("tokens_heldout", 0),
        "stages_s": {name: round(seconds, 2) for name, seconds in stages.items()},
        "wall_s": round(time.perf_counter() - begun, 2),
    }
    print(json.dumps(result, ensure_ascii=False))


def spec(source: Path):  # type: ignore[no-untyped-def]
    """The peers' rules and no others: length, Han share, repetition of 13-grams; 14 bands of 8."""
    from workloads.corpus.rules_spec import RulesSpec
    from workloads.corpus.spec import CorpusSpec

    rules = dict.fromkeys(RulesSpec.model_fields) | {"length": 100, "han_share": 0.3, "duplicate_13gram": 0.5}
    return CorpusSpec.model_validate(
        {
            "inputs": str(source),
            "rules": rules,
            "personal_data": {"mode": "off"},
            "remove_boilerplate": False,
            "duplicates": {"bands": 14, "rows": 8},
            "split_bytes": 32 << 20,
        }
    )


def learn(source: Path, folder: Path) -> None:
    """A tokenizer of 16,000 tokens from the first 20 MB of the input."""
    from benchmarks.corpus import Stopwatch
    from cluster.artifacts import ArtifactStore
    from cluster.session import session
    from cluster.stage import StageContext
    from workloads.corpus.stage import build_corpus
    from workloads.tokenizer.spec import TokenizerSpec
    from workloads.tokenizer.stage import train_tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    sample = folder / "sample.jsonl"
    with source.open("rb") as whole:
        data = whole.read(20_000_000)
    sample.write_bytes(data[: data.rfind(b"\n") + 1])
    context = StageContext("bench", ArtifactStore(str(folder)), Stopwatch())
    with session():
        corpus = build_corpus(spec(sample), context)
        train_tokenizer(TokenizerSpec(vocab_size=16_000), corpus, context)
    (folder / "done").touch()


if __name__ == "__main__":
    main()
