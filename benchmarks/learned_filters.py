"""How well the learned filters tell good Chinese from bad, also of kinds that they have not learned from, and how fast.

    python benchmarks/learned_filters.py [FOLDER]

FOLDER holds zh_large.jsonl.gz and web_noisy.jsonl.gz; ../shared/data/corpus beside the checkout is the default. Good: up to 200
documents of every source of the first file. Bad: crawled spam, the short lines of whole web pages and of lists
of links from the second file; and, made from the good ones, shuffled characters and lists of keywords.
"""

import argparse
import gzip
import html
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.text.learned import QualityModel
from workloads.text.learned.evidence import auc
from workloads.text.learned.teach_perplexity import PERCENTILES, compact
from workloads.text.learned.teach_quality import teach_quality
from workloads.text.ngram import train
from workloads.text.normalise import normalise

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "corpus"
PER_SOURCE, MADE = 200, 300
REFERENCE_CHARACTERS = 4_000_000
ORDERS = ((3, 6_000_000), (4, 6_000_000), (4, 1_000_000), (5, 6_000_000), (5, 500_000))
KINDS = {"cc_": "crawled spam", "html_zhihu": "lists of links", "html_blog": "short lines of pages"}
UNSEEN = ("poetry", "laws_cn", "laws_tw", "shu_modern", "transcript_tw", "aliyun", "ms_", "classical", "books_tech")
Piles = Mapping[str, Sequence[str]]
Floats = NDArray[np.float64]


def records(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def good_piles(path: Path, rng: random.Random) -> Piles:
    by_source: dict[str, list[str]] = defaultdict(list)
    for record in records(path):
        by_source[record["source"]].append(record["text"])
    return {
        source: [normalise(text) for text in rng.sample(texts, min(PER_SOURCE, len(texts)))]
        for source, texts in by_source.items()
    }


def bad_piles(path: Path, good: Piles, rng: random.Random) -> Piles:
    found: dict[str, list[str]] = defaultdict(list)
    for record in records(path):
        kind = next((name for prefix, name in KINDS.items() if record["source"].startswith(prefix)), "")
        if kind:
            found[kind].append(normalise(record["text"] if kind == "crawled spam" else short_lines(record["text"])))
    whole = [text for texts in good.values() for text in texts if len(text) > 50]
    for text in rng.sample(whole, MADE):
        found["shuffled characters"].append("".join(rng.sample(text[:1500], min(1500, len(text)))))
    for text in rng.sample(whole, MADE):
        words = re.findall("[\u4e00-\u9fff]{2,6}", text)[:200]
        if len(words) > 15:
            found["lists of keywords"].append(rng.choice("、 |,").join(rng.sample(words, len(words))))
    return found


def short_lines(page: str) -> str:
    """Navigation, dates, tags and titles: the lines of a page that are shorter than 25 characters."""
    page = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", "", page)
    lines = (line.strip() for line in html.unescape(re.sub("<[^>]+>", "\n", page)).split("\n"))
    return "\n".join(line for line in lines if 0 < len(line) < 25)[:4000]


def flat(piles: Piles, keep: Sequence[str] | None = None) -> list[str]:
    return [text for name, texts in piles.items() if keep is None or name in keep for text in texts]


def scores(model: QualityModel, texts: Sequence[str]) -> Floats:
    return np.array([model.score(text) for text in texts])


def shares(found: Floats) -> str:
    return "  ".join(f"{threshold}: {(found >= threshold).mean():.3f}" for threshold in (0.02, 0.05, 0.1, 0.5))


def halves(piles: Piles) -> tuple[Piles, Piles]:
    return {name: texts[::2] for name, texts in piles.items()}, {name: texts[1::2] for name, texts in piles.items()}


def report_quality(good: Piles, bad: Piles) -> QualityModel:
    """Prints, by threshold, the share of documents kept; answers the model taught from half of everything."""
    (good_in, good_out), (bad_in, bad_out) = halves(good), halves(bad)
    started = time.process_time()
    taught = teach_quality(flat(good_in), flat(bad_in))
    print(f"learned in {time.process_time() - started:.1f} s of a processor; held out AUC {taught.evidence.auc:.4f}")
    fresh = scores(taught.model, flat(good_out))
    print(f"good, other half: kept at {shares(fresh)}")
    for kind, texts in bad_out.items():
        found = scores(taught.model, texts)
        print(f"bad, kind seen: {kind:22} AUC {auc(fresh, found):.3f}  kept at {shares(found)}")
    for kind in bad:
        model = teach_quality(flat(good_in), flat(bad_in, [other for other in bad if other != kind])).model
        found = scores(model, bad[kind])
        print(f"bad, kind never seen: {kind:22} AUC {auc(scores(model, flat(good_out)), found):.3f}  kept at {shares(found)}")
    for prefix in UNSEEN:
        inside = [source for source in good if source.startswith(prefix)]
        model = teach_quality(flat(good, [source for source in good if source not in inside]), flat(bad)).model
        print(f"good, source never seen: {prefix:16} kept at {shares(scores(model, flat(good, inside)))}")
    return taught.model


def report_speed(model: QualityModel, texts: Sequence[str]) -> None:
    started = time.process_time()
    scores(model, texts)
    seconds = time.process_time() - started
    whole, seen = (sum(len(text[:limit].encode()) for text in texts) / 1e6 for limit in (None, model.characters))
    print(f"quality: {whole / seconds:.0f} MB/s of documents, {seen / seconds:.0f} MB/s of what is looked at, one processor")


def report_lowest(model: QualityModel, texts: Sequence[str], most: int) -> None:
    found = scores(model, texts)
    for place in np.argsort(found)[:most]:
        print(f"lowest of the good: {found[place]:.3f} {texts[place][:150]!r}")


def report_perplexity(good: Piles, bad: Piles) -> None:
    """Prints what orders and sizes give, then bits per character of every source and kind with the first order of five."""
    good_in, good_out = halves(good)
    texts, characters = [], 0
    for text in sorted(flat(good_in), key=hash_of):
        if characters + len(text) <= REFERENCE_CHARACTERS:
            texts.append(text)
            characters += len(text)
    print(f"reference: {len(texts)} documents, {characters} characters")
    tried = flat(good_out)[::4]
    chosen = None
    for order, most in ORDERS:
        started = time.process_time()
        model, grams = compact(train(texts, order), most)
        learned = time.process_time() - started
        model.score(tried[0])
        started = time.process_time()
        bits = sum(model.score(text) * len(text[: model.characters]) for text in tried)
        seconds = time.process_time() - started
        seen = [text[: model.characters] for text in tried]
        speed = sum(len(text.encode()) for text in seen) / seconds / 1e6
        print(
            f"order {order}, most {most:,}: {grams:,} n-grams, {model.table.nbytes / 1e6:.0f} MB, learned in {learned:.0f} s, "
            f"{bits / sum(map(len, seen)):.3f} bits per character, {speed:.0f} MB/s of what is looked at"
        )
        chosen = chosen or (model if order == 5 else None)
    assert chosen
    for name, pile in ({"all good": flat(good_out)} | dict(good_out) | dict(bad)).items():
        found = np.percentile([chosen.score(text) for text in pile], PERCENTILES)
        print(f"bits per character: {name:24}" + "  ".join(f"p{p} {b:.2f}" for p, b in zip(PERCENTILES, found, strict=True)))


def hash_of(text: str) -> int:
    return random.Random(text).getrandbits(64)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--lowest", type=int, default=12, help="good documents to show that score least (default: 12)")
    options = parser.parse_args()
    files = options.folder / "zh_large.jsonl.gz", options.folder / "web_noisy.jsonl.gz"
    if not all(file.is_file() for file in files):
        print(f"not run: no {files[0].name} and {files[1].name} in {options.folder.name}")
        return
    rng = random.Random(5)
    good = good_piles(files[0], rng)
    bad = bad_piles(files[1], good, rng)
    print({name: len(texts) for name, texts in bad.items()}, f"good: {len(flat(good))} documents of {len(good)} sources")
    model = report_quality(good, bad)
    report_speed(model, flat(good))
    report_lowest(model, flat(halves(good)[1]), options.lowest)
    report_perplexity(good, bad)


if __name__ == "__main__":
    main()
