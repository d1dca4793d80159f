"""How often the encoding of a file is told rightly, by its length, and what is set right of text that was read wrongly.

    python benchmarks/encoding.py corpus/zh_small.jsonl.gz

Pieces of real documents are written in each encoding (Traditional characters for Big5) and told again. A piece counts as right
if it comes out as it was. Documents are then read with the wrong encoding, as programs do it, and repaired.
"""

import argparse
import codecs
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from zhconv_rs import zhconv

from workloads.corpus.reading.encoding import BIG5, GB18030, UTF8, UTF16_BE, UTF16_LE, detect
from workloads.text.mojibake import damage
from workloads.text.repair import repair

ENCODINGS = (UTF8, GB18030, BIG5, UTF16_LE, UTF16_BE)
LENGTHS = (4, 8, 16, 32, 64, 256, 2000, 20_000)  # characters
PIECES, DOCUMENTS, BEGINNING = 1500, 600, 3000
HOLES = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
LEAST_HAN, DROPPED_FROM = 4, 0.25


def han(text: str) -> int:
    return sum("\u4e00" <= sign <= "\u9fff" for sign in text)


def told(texts: list[str], rng: random.Random, length: int) -> tuple[Counter[str], Counter[str]]:
    """Pieces told rightly, and pieces in all, by encoding."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for _ in range(PIECES):
        text = rng.choice(texts)
        start = rng.randrange(max(1, len(text) - length))
        piece = text[start : start + length]
        if han(piece) < LEAST_HAN:
            continue
        for encoding in ENCODINGS:
            written = zhconv(piece, "zh-hant", False) if encoding == BIG5 else piece
            try:
                data = written.encode(encoding)
            except UnicodeEncodeError:
                continue
            asked[encoding] += 1
            right[encoding] += data.decode(detect(data), "replace") == written
    return right, asked


def as_windows(data: bytes) -> str:
    return "".join(chr(byte) if byte in HOLES else bytes([byte]).decode("cp1252") for byte in data)


def as_gb18030(data: bytes) -> str:
    codecs.register_error(
        "as_browsers_do", lambda error: ("€" if error.object[error.start] == 0x80 else "\ufffd", error.start + 1)
    )
    return data.decode("gb18030", "as_browsers_do")


WRONG_WAYS: dict[str, Callable[[str], str]] = {
    "UTF-8 as Latin-1": lambda text: text.encode().decode("latin-1"),
    "UTF-8 as cp1252": lambda text: as_windows(text.encode()),
    "GB18030 as Latin-1": lambda text: text.encode("gb18030").decode("latin-1"),
    "UTF-8 as GB18030": lambda text: as_gb18030(text.encode()),
}


def repaired(texts: list[str], rng: random.Random, spoil: Callable[[str], str]) -> str:
    whole = caught = documents = lines = right = wrong = 0
    for text in rng.sample(texts, min(DOCUMENTS, len(texts))):
        text = text[:BEGINNING]
        if han(text) < 50 or "\ud800" <= max(text) <= "\udfff":
            continue
        spoilt = spoil(text)
        mended, _ = repair(spoilt)
        documents += 1
        whole += mended == text
        caught += mended != text and damage(mended) > DROPPED_FROM
        for old, bad, new in zip(text.split("\n"), spoilt.split("\n"), mended.split("\n"), strict=False):
            if old != bad and "\ufffd" not in bad and han(old):
                lines += 1
                right += new == old
                wrong += new not in (old, bad)
    return f"{documents} | {whole / documents:.3f} | {caught / documents:.3f} | {lines} | {right / lines:.4f} | {wrong}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", type=Path, nargs="?")
    given = parser.parse_args().documents
    if given is None:
        print("left out: no documents are given (jsonl.gz with a `text` field)")
        return
    with gzip.open(given) as stream:
        texts = [json.loads(line)["text"] for line in stream]
    rng = random.Random(7)
    print("| characters | " + " | ".join(ENCODINGS) + " |\n|" + "---|" * (len(ENCODINGS) + 1))
    for length in LENGTHS:
        right, asked = told(texts, rng, length)
        print(f"| {length} | " + " | ".join(f"{right[each] / asked[each]:.4f} of {asked[each]}" for each in ENCODINGS) + " |")
    print(
        "\n| read wrongly | documents | whole again | rest dropped as damaged | lines that lost nothing | set right | changed wrongly |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, spoil in WRONG_WAYS.items():
        print(f"| {name} | {repaired(texts, rng, spoil)} |")
    start = time.process_time()
    touched = sum(repair(text)[1] > 0 for text in texts)
    seconds = time.process_time() - start
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    print(f"\nsound documents changed: {touched} of {len(texts)}; {size / seconds:.0f} MB/s")


if __name__ == "__main__":
    main()
