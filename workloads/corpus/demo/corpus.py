"""Writes the whole demo corpus: raw files, planted truth, the world's facts, and last a mark that all of it is there."""

import hashlib
import json
import random
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from cluster.errors import UserError
from workloads.corpus.demo.clean import write_documents
from workloads.corpus.demo.files import write_files
from workloads.corpus.demo.founding import build_world
from workloads.corpus.demo.plant import plant, spare_documents
from workloads.corpus.demo.truth import truths_of, write_truth

RAW, TRUTH, WORLD, MARK = "raw", "truth.jsonl", "world.json", "demo.json"
_LEAST = 20


@dataclass(frozen=True)
class DemoTruth:
    """What was written. `documents` and `characters` count the clean text; `planted` counts the noise by kind."""

    folder: Path
    documents: int
    characters: int
    records: int
    planted: dict[str, int]

    @property
    def raw(self) -> Path:
        return self.folder / RAW

    @property
    def truth_file(self) -> Path:
        return self.folder / TRUTH

    @property
    def world_file(self) -> Path:
        return self.folder / WORLD


def write_demo_corpus(folder: Path, seed: int, documents: int) -> DemoTruth:
    """`documents` clean documents and the noise between them, below `folder`; equal arguments give equal bytes.

    Does nothing where the same lies already, and takes an older demo's text away. Raises UserError for fewer than 20 documents
    and for a folder whose raw/ is not the demo's.
    """
    if documents < _LEAST:
        raise UserError(f"a demo corpus of {documents} documents", f"at least {_LEAST}", "ask for more documents")
    wanted = {"seed": seed, "documents": documents, "generator": _generator_digest()}
    if (there := _already_there(folder, wanted)) is not None:
        return there
    if (folder / RAW).exists() and not (folder / MARK).exists():
        raise UserError(f"{folder / RAW} holds other text", "a folder without raw/, or an older demo's", "name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("{}", encoding="utf-8")  # a demo's folder, not yet whole
    shutil.rmtree(folder / RAW, ignore_errors=True)
    (folder / RAW).mkdir()
    truth = _write(folder, seed, documents)
    mark = {**wanted, "written": {key: value for key, value in asdict(truth).items() if key != "folder"}}
    (folder / MARK).write_text(json.dumps(mark, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return truth


def _write(folder: Path, seed: int, count: int) -> DemoTruth:
    world = build_world(seed)
    rng = random.Random(f"noise {seed}")
    texts = write_documents(world, count + spare_documents(count))
    clean = list(islice(texts, count))
    placed = write_files(folder / RAW, plant(clean, list(texts), rng), rng)
    write_truth(folder / TRUTH, truths_of(placed))
    (folder / WORLD).write_text(world.to_json(), encoding="utf-8")
    kinds = Counter(one.record.kind for one in placed)
    characters = sum(len(document.text) for document in clean)
    del kinds["clean"]
    return DemoTruth(folder, count, characters, len(placed), dict(sorted(kinds.items())))


def _already_there(folder: Path, wanted: dict[str, object]) -> DemoTruth | None:
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    whole = (folder / RAW).is_dir() and (folder / TRUTH).is_file() and (folder / WORLD).is_file()
    if not whole or {key: mark.get(key) for key in wanted} != wanted:
        return None
    return DemoTruth(folder=folder, **mark["written"])


def _generator_digest() -> str:
    """Of this package's own code, so that text written by another version is written anew."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted(here.rglob("*.py")):
        digest.update(file.relative_to(here).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
