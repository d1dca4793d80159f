"""Frozen: where artifacts lie, what a manifest holds, and how work and content are named.

A change here makes every store in use unreadable or does all its work again: it needs a decision and a migration.
"""

import json
from pathlib import Path

from cluster.artifacts import ArtifactStore
from cluster.manifest import KINDS, Work

WORK = Work("corpus", {"heldout_share": 0.02, "来源": ["网页", None, True]}, {"raw": "0123456789abcdef0123"}, 3)


def test_kinds() -> None:
    assert KINDS == ("corpus", "tokenizer", "tokens", "checkpoint", "model", "evaluation", "law", "engine", "adapter")


def test_a_fingerprint_is_the_same_for_ever() -> None:
    assert WORK.fingerprint == "b5ca945bd0184b7d58e5"


def test_folders_manifest_and_reference(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    with store.draft(WORK, {"name": "frozen"}) as draft:
        draft.write("documents/part-00000.parquet", b"rows")
        draft.write("report.json", b"{}")
        draft.counts["documents_read"] = 1
        draft.metrics["share"] = 0.5
    artifact = store.open("corpus", WORK.fingerprint)
    store.set_ref("frozen", artifact)
    folder = f"corpus/{WORK.fingerprint}"
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        f"{folder}/documents/part-00000.parquet",
        f"{folder}/manifest.json",
        f"{folder}/report.json",
        "refs/frozen/corpus.json",
    ]
    raw = json.loads((tmp_path / folder / "manifest.json").read_text())
    for changing in ("created", "seconds", "versions"):
        assert raw.pop(changing) is not None
    assert raw == {
        "kind": "corpus",
        "fingerprint": WORK.fingerprint,
        "stage_version": 3,
        "spec": dict(WORK.spec),
        "inputs": dict(WORK.inputs),
        "counts": {"documents_read": 1},
        "metrics": {"share": 0.5},
        "recipe": {"name": "frozen"},
        "files": [
            {
                "path": "documents/part-00000.parquet",
                "size": 4,
                "sha256": "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e",
            },
            {"path": "report.json", "size": 2, "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
        ],
    }
    assert artifact.content_hash == "086534b7ccaa1e44eaf5715113ca0b57fec7ddb43b9432cb924daba9d429d7cd"
    reference = json.loads((tmp_path / "refs/frozen/corpus.json").read_text())
    assert reference == {"name": WORK.fingerprint, "fingerprint": WORK.fingerprint}
