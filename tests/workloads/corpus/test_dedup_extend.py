"""A corpus on top of another, and documents taken down: only what is new or touched is made anew."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import ArtifactError, InputError
from cluster.stage import StageContext
from tests.workloads.corpus.dedup_texts import contents, edited, rows, spec, text_of, write
from workloads.corpus.reading.read import document_id
from workloads.corpus.removal import read_ids, remove_documents
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.stage import build_corpus

pytestmark = pytest.mark.usefixtures("ray_session")


def extending(base: str, folder: str = "new") -> CorpusSpec:
    return CorpusSpec.model_validate({**spec().to_json(), "inputs": [folder], "base": base})


@pytest.fixture
def old(tmp_path: Path, context: StageContext) -> StageContext:
    """A corpus of 40 documents, run as `old`."""
    write(tmp_path / "raw", "a.jsonl", [{"text": text_of(number)} for number in range(40)])
    run = replace(context, name="old")
    build_corpus(spec(), run)
    return run


def test_new_documents_are_compared_with_old_ones_which_stay(tmp_path: Path, context: StageContext, old: StageContext) -> None:
    fresh = [text_of(number) for number in range(100, 110)]
    records = [text_of(3), edited(text_of(4), 1) + "比旧的长", edited(text_of(5), 1), *fresh, edited(fresh[0], 1), fresh[1]]
    write(tmp_path / "new", "b.jsonl", [{"text": text} for text in records])
    base = context.store.ref("old", "corpus")
    artifact = build_corpus(extending("old"), context)

    documents = {row["text"] for row in rows(artifact, "documents")}
    assert documents == {text_of(number) for number in range(40)} | set(fresh)
    dropped = {(row["position"], row["rule"]): row["matched_id"] for row in rows(artifact, "decisions") if not row["kept"]}
    assert dropped == {
        (1, "exact_duplicate"): document_id("a", text_of(3)),
        (2, "near_duplicate"): document_id("a", text_of(4)),
        (3, "near_duplicate"): document_id("a", text_of(5)),
        (14, "near_duplicate"): document_id("b", fresh[0]),
        (15, "exact_duplicate"): document_id("b", fresh[1]),
    }
    assert contents(base).items() & contents(artifact).items() >= {
        (path, digest) for path, digest in contents(base).items() if not path.startswith("report")
    }
    assert artifact.manifest.counts["documents_kept"] == len(rows(artifact, "documents")) == 50
    assert artifact.manifest.inputs["base"] == base.fingerprint
    artifact.verify()
    assert build_corpus(extending(base.fingerprint), context).fingerprint == artifact.fingerprint
    assert build_corpus(extending(base.uri), context).fingerprint == artifact.fingerprint


def test_the_index_lies_row_by_row_beside_the_documents(context: StageContext, old: StageContext) -> None:
    artifact = context.store.ref("old", "corpus")
    documents, index = rows(artifact, "documents"), rows(artifact, "index")
    assert [(row["id"], row["split"], row["characters"]) for row in documents] == [
        (row["id"], row["split"], row["characters"]) for row in index
    ]
    assert {len(row["bands"]) for row in index} == {20 * 8}


def test_what_is_like_a_held_out_document_is_held_out(tmp_path: Path, context: StageContext, old: StageContext) -> None:
    documents = rows(context.store.ref("old", "corpus"), "documents")
    held = next(row["text"] for row in documents if row["split"] == "heldout")
    trained = [row["text"] for row in documents if row["split"] == "train"][:5]
    write(tmp_path / "new", "b.jsonl", [{"text": edited(text, 5)} for text in (held, *trained)])
    found = rows(build_corpus(extending("old"), context), "documents")[len(documents) :]
    assert {row["text"]: row["split"] for row in found} == {
        edited(held, 5): "heldout",
        **{edited(text, 5): "train" for text in trained},
    }


def test_a_corpus_that_holds_all_that_is_new_is_extended_by_nothing(
    tmp_path: Path, context: StageContext, old: StageContext
) -> None:
    write(tmp_path / "new", "b.jsonl", [{"text": text_of(number)} for number in range(3)])
    artifact = build_corpus(extending("old"), context)
    again = build_corpus(extending(artifact.fingerprint), replace(context, name="third"))
    assert [each.manifest.counts["documents_kept"] for each in (artifact, again)] == [40, 40]


def test_bases_that_will_not_do(tmp_path: Path, context: StageContext, old: StageContext) -> None:
    write(tmp_path / "new", "b.jsonl", [{"text": text_of(1)}])
    with pytest.raises(InputError, match="the run itself"):
        build_corpus(extending(context.name), context)
    with pytest.raises(ArtifactError, match="no corpus 'nowhere'"):
        build_corpus(extending("nowhere"), context)
    other = extending("old").model_copy(update={"duplicates": spec(bands=10).duplicates})
    with pytest.raises(InputError, match="bands and rows 20 x 5"):
        build_corpus(other, context)


def test_a_takedown_touches_only_the_parts_that_held_the_document(tmp_path: Path, context: StageContext) -> None:
    texts = [text_of(number, 4000) for number in range(700)]
    write(tmp_path / "raw", "a.jsonl", [{"text": text} for text in [*texts, edited(texts[0], 5)[:-3], texts[0]]])
    before = build_corpus(spec(), context)
    gone = document_id("a", texts[0])
    removal = remove_documents(before, frozenset({gone, "f" * 20}), context)
    after = removal.artifact
    assert (removal.removed, removal.unknown) == ((gone,), ("f" * 20,))
    assert Counter(each.rule for each in removal.orphans) == {"near_duplicate": 1, "exact_duplicate": 1}
    assert {each.matched_id for each in removal.orphans} == {gone}
    assert gone not in {row["id"] for row in (*rows(after, "documents"), *rows(after, "index"))}
    assert len(rows(after, "documents")) == len(rows(before, "documents")) - 1 == after.manifest.counts["documents_kept"]
    decision = next(row for row in rows(after, "decisions") if row["id"] == gone and row["position"] == 1)
    assert (decision["stage"], decision["rule"], decision["kept"]) == ("removed", "takedown", False)
    changed = {path.partition("/")[0] for path, digest in contents(before).items() if contents(after)[path] != digest}
    assert changed == {"documents", "index", "decisions", "report.json", "report.html"}
    assert sum(contents(after)[path] != digest for path, digest in contents(before).items() if path.startswith("doc")) == 1
    assert texts[0][:50] not in after.read("report.json").decode()
    assert texts[0][:50] in before.read("report.json").decode()
    assert context.store.ref(context.name, "corpus").fingerprint == after.fingerprint
    after.verify()


def test_a_recipe_that_names_what_is_removed_has_the_corpus_without_it(tmp_path: Path, context: StageContext) -> None:
    write(tmp_path / "raw", "a.jsonl", [{"text": text_of(number)} for number in range(5)])
    gone = document_id("a", text_of(2))
    (tmp_path / "removed.txt").write_text(f"{gone}\n", encoding="utf-8")
    whole = build_corpus(spec(), context)
    less = build_corpus(spec().model_copy(update={"removed": "removed.txt"}), context)
    assert {row["id"] for row in rows(whole, "documents")} - {row["id"] for row in rows(less, "documents")} == {gone}
    write(tmp_path / "new", "b.jsonl", [{"text": text_of(9)}])
    assert build_corpus(extending(less.fingerprint), context).manifest.counts["documents_kept"] == 5


def test_ids_that_are_none_or_nowhere(tmp_path: Path, context: StageContext, old: StageContext) -> None:
    with pytest.raises(InputError, match="holds no document ids"):
        read_ids("missing.txt")
    assert read_ids(f"{'0' * 20},{'1' * 20}") == {"0" * 20, "1" * 20}
    with pytest.raises(InputError, match="has none of the 1 documents"):
        remove_documents(context.store.ref("old", "corpus"), frozenset({"f" * 20}), context)
