"""artifacts list|show|verify|gc from the command line, on a store with whole, damaged and forgotten artifacts."""

import json
from pathlib import Path

import pytest

from app.cli import main
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Kind, Work


def commit(store: ArtifactStore, kind: Kind, text: str) -> Artifact:
    work = Work(kind, {"text": text}, {}, 1)
    with store.draft(work, {"name": "shop"}) as draft:
        draft.write("report.json", text.encode())
        draft.counts["documents_read"] = len(text)
    return store.open(kind, work.fingerprint)


def run(*arguments: str, store: ArtifactStore) -> int:
    return main(["artifacts", *arguments, "--store", store.root.path])


def test_list_shows_every_artifact_or_one_kind(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, tokenizer = commit(store, "corpus", "春"), commit(store, "tokenizer", "夏")
    assert run("list", store=store) == 0
    shown = capsys.readouterr().out
    assert corpus.fingerprint in shown
    assert tokenizer.fingerprint in shown
    assert run("list", "--kind", "tokenizer", store=store) == 0
    assert corpus.fingerprint not in capsys.readouterr().out


def test_show_prints_the_manifest_of_an_unambiguous_beginning(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = commit(store, "corpus", "春天")
    assert run("show", corpus.fingerprint[:6], store=store) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["uri"], shown["counts"]) == (corpus.uri, {"documents_read": 2})
    assert shown["recipe"] == {"name": "shop"}
    commit(store, "tokenizer", "夏")
    assert run("show", "", store=store) == 1
    assert "exactly one must" in capsys.readouterr().err


def test_verify_names_what_changed_and_fails(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    sound, broken = commit(store, "corpus", "春"), commit(store, "model", "秋")
    assert run("verify", store=store) == 0
    capsys.readouterr()
    (Path(broken.location.path) / "report.json").write_text("冬", encoding="utf-8")
    assert run("verify", store=store) == 1
    told = capsys.readouterr()
    assert f"{sound}: ok" in told.out
    assert f"{broken}: the file report.json of {broken} differs from its manifest" in told.out
    assert told.err.strip() == "error: 1 artifacts differ from their manifests; rebuild or restore what is named above"


def test_gc_says_what_would_go_and_deletes_only_when_told(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    kept, forgotten = commit(store, "corpus", "春"), commit(store, "corpus", "夏")
    store.set_ref("shop", kept)
    assert run("gc", store=store) == 0
    told = capsys.readouterr().out
    assert f"would delete {forgotten.location}" in told
    assert "add --yes" in told
    assert storage.kind_of(forgotten.location) == "folder"
    assert run("gc", "--yes", store=store) == 0
    assert f"deleted {forgotten.location}" in capsys.readouterr().out
    assert [each.fingerprint for each in store.artifacts()] == [kept.fingerprint]
    assert run("gc", store=store) == 0
    assert "nothing to delete" in capsys.readouterr().out
