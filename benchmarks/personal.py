"""Personal data: precision and recall by kind on the project's labelled set, and speed and finds on documents.

    python benchmarks/personal.py [documents.jsonl.gz] [--sentences 60000] [--seed 7] [--show FILE]

With documents it prints the megabytes per second of one core, in all and on those without a hit, and the items found by
kind; `--show` writes every item with its surroundings to a file, to be read by eye: whether it is one, no program knows.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path

from workloads.text.normalise import normalise
from workloads.text.personal.kind import Span
from workloads.text.personal.labelled.made import sentences
from workloads.text.personal.labelled.score import Score, score
from workloads.text.personal.labelled.written import WRITTEN
from workloads.text.personal.registry import USUAL
from workloads.text.personal.scan import find_personal

_AROUND = 24


def main() -> None:
    options = _arguments()
    print_score(f"{len(WRITTEN)} written sentences", score(WRITTEN, USUAL))
    print_score(
        f"{options.sentences} made sentences, seed {options.seed}", score(sentences(options.sentences, options.seed), USUAL)
    )
    if options.documents:
        measure(read_documents(options.documents), options.show)


def print_score(title: str, result: Score) -> None:
    print(f"{title}\n  {'kind':<12} {'marked':>7} {'found':>7} {'recall':>8} {'precision':>10}")
    for name, each in result.kinds.items():
        print(f"  {name:<12} {each.marked:>7} {each.found:>7} {each.recall:>8.4f} {each.precision:>10.4f}")
    for wanted, found in result.wrong[:5]:
        print(f"  marked: {wanted}\n  found:  {found}")


def measure(texts: list[str], show: Path | None) -> None:
    """Processor time, since other work on the machine is none of ours."""
    found, seconds = [], []
    for text in texts:
        began = time.process_time()
        found.append(find_personal(text, USUAL))
        seconds.append(time.process_time() - began)
    clean = [index for index, spans in enumerate(found) if not spans]
    sizes = [len(text.encode()) / 1e6 for text in texts]
    print(f"{len(texts)} documents, {sum(sizes):.1f} MB: {sum(sizes) / sum(seconds):.1f} MB/s on one core", end="; ")
    print(f"the {len(clean)} without a hit {sum(sizes[i] for i in clean) / sum(seconds[i] for i in clean):.1f} MB/s")
    documents = Counter(kind for spans in found for kind in {span.kind for span in spans})
    for kind, count in Counter(span.kind for spans in found for span in spans).most_common():
        print(f"  {kind:<12} {count:>7} in {documents[kind]} documents")
    if show:
        show.write_text(
            "".join(_shown(text, span) for text, spans in zip(texts, found, strict=True) for span in spans), encoding="utf-8"
        )


def _shown(text: str, span: Span) -> str:
    before, after = text[max(0, span.start - _AROUND) : span.start], text[span.stop : span.stop + _AROUND]
    return f"{span.kind}\t{before}⟦{text[span.start : span.stop]}⟧{after}".replace("\n", "⏎") + "\n"


def read_documents(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [normalise(json.loads(line)["text"]) for line in lines]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="?", type=Path, help="gzipped JSON lines with a text field")
    parser.add_argument("--sentences", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=Path, help="write every item with its surroundings here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
