"""Both stages over a small corpus: what they write, that they depend on the documents alone, and what bad input gives."""

import gzip
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.config import read_recipe
from cluster.errors import ArtifactError, InputError, RecipeError
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session
from cluster.stage import StageContext
from workloads.tokenizer.__main__ import body
from workloads.tokenizer.documents import HELDOUT, TRAIN, read_documents
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.tokenizer.stage import pack_tokens, train_tokenizer
from workloads.tokenizer.train import load_tokenizer
from workloads.training.rows import TokenRows

MakeCorpus = Callable[..., Artifact]
SMALL = TokenizerSpec(vocab_size=450, chat_template="qa")
ROWS = TokensSpec(sequence_length=64)


class Noting(SilentReporter):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Value]]] = []

    def note(self, event: str, **facts: Value) -> None:
        self.notes.append((event, facts))


def test_the_tokenizer_artifact(context: StageContext, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    tokenizer = train_tokenizer(SMALL, corpus, context)
    report = json.loads(tokenizer.read("report.json"))
    heldout = list(read_documents(corpus, HELDOUT))
    assert report["chat_template"] == "qa"
    assert (report["vocabulary"], report["vocabulary_asked"]) == (450, 450)
    assert report["characters_learned"] == sum(len(document.text) for document in read_documents(corpus, TRAIN))
    assert report["measured_on"] == "heldout"
    assert report["overall"]["documents"] == len(heldout)
    assert report["overall"]["characters"] == sum(len(document.text) for document in heldout)
    own = load_tokenizer(tokenizer.read("tokenizer.json").decode())
    tokens = sum(len(own.encode(document.text).ids) for document in heldout)
    assert report["overall"]["tokens"] == tokens == sum(its["tokens"] for its in report["by_source"].values())
    assert tokenizer.manifest.metrics["characters_per_token"] == report["overall"]["characters"] / tokens
    assert {document.source for document in heldout} == set(report["by_source"])
    sizes = [point["vocabulary"] for point in report["curve"]]
    ratios = [point["characters_per_token"] for point in report["curve"]]
    assert sizes == [450]
    assert ratios == [report["overall"]["characters_per_token"]]
    assert train_tokenizer(SMALL, corpus, context).uri == tokenizer.uri
    assert context.store.ref("test", "tokenizer").uri == tokenizer.uri


def test_the_curve_rises(context: StageContext, make_corpus: MakeCorpus) -> None:
    chance = random.Random(5)
    words = [chr(0x4E00 + chance.randrange(200)) + chr(0x4E00 + chance.randrange(200)) for _ in range(1000)]
    texts = ["，".join(chance.choice(words) + chance.choice(words) for _ in range(20)) for _ in range(400)]
    tokenizer = train_tokenizer(TokenizerSpec(vocab_size=1000), make_corpus(texts=texts), context)
    curve = json.loads(tokenizer.read("report.json"))["curve"]
    assert [point["vocabulary"] for point in curve] == [500, 1000]
    assert curve[0]["characters_per_token"] < curve[1]["characters_per_token"]
    assert curve[1]["embedding_parameters"]["512"] == 1000 * 512


def test_only_the_sample_is_learned_from(context: StageContext, make_corpus: MakeCorpus) -> None:
    tokenizer = train_tokenizer(TokenizerSpec(vocab_size=300, sample_characters=1000), make_corpus(), context)
    assert tokenizer.manifest.counts["characters_learned"] == 1000


def test_a_corpus_too_small_for_its_vocabulary_is_noted(context: StageContext, make_corpus: MakeCorpus) -> None:
    reporter = Noting()
    corpus = make_corpus(texts=["春天来了，春天来了。", "王小明"], parts=1, heldout_every=0)
    tokenizer = train_tokenizer(TokenizerSpec(vocab_size=5000), corpus, replace(context, reporter=reporter))
    [(event, facts)] = reporter.notes
    assert event == "vocabulary_smaller_than_asked"
    assert facts["asked"] == 5000
    assert facts["made"] == tokenizer.manifest.counts["vocabulary"] < 300
    assert json.loads(tokenizer.read("report.json"))["measured_on"] == "train"


def test_tokens_hold_every_document_once(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    corpus = make_corpus(texts=[f"第{number}篇：<|endoftext|>😀" + "春夏秋冬" * (number % 40) for number in range(90)])
    tokenizer = train_tokenizer(SMALL, corpus, context)
    tokens = pack_tokens(ROWS, corpus, tokenizer, context)
    own = load_tokenizer(tokenizer.read("tokenizer.json").decode())
    counts = tokens.manifest.counts
    assert (counts["sequence_length"], counts["vocabulary"]) == (64, own.get_vocab_size())
    for split in (TRAIN, HELDOUT):
        documents = list(read_documents(corpus, split))
        rows = TokenRows.of(tokens, split)
        assert counts[f"rows_{split}"] == len(rows) == -(-rows.tokens // 64)
        assert counts[f"characters_{split}"] == sum(len(document.text) for document in documents)
        assert counts[f"documents_{split}"] == len(documents)
        flat = rows.read(np.arange(len(rows))).reshape(-1)[: rows.tokens]
        ends = np.flatnonzero(flat == 0)
        texts = [own.decode(part[:-1].tolist(), skip_special_tokens=False) for part in np.split(flat, ends + 1)[:-1]]
        assert texts == [document.text for document in documents]
        lineage = [name for row in range(len(rows)) for name in rows.documents(row).documents]
        assert list(dict.fromkeys(lineage)) == [document.id for document in documents]
    assert rows[0].dtype == np.uint16
    assert pack_tokens(ROWS, corpus, tokenizer, context).uri == tokens.uri


def test_tokens_do_not_depend_on_the_parts_or_the_tasks(
    context: StageContext, make_corpus: MakeCorpus, ray_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = train_tokenizer(SMALL, make_corpus(parts=1), context)
    hashes = set()
    for parts, unit in ((1, 4 << 20), (1, 2000), (4, 4 << 20), (7, 1000), (300, 4 << 20)):
        monkeypatch.setattr("workloads.tokenizer.encode._UNIT_BYTES", unit)
        corpus = make_corpus(parts=parts, name=f"unit {unit}")
        packed = pack_tokens(ROWS, corpus, tokenizer, context)
        hashes.add(tuple((entry.path, entry.sha256) for entry in packed.manifest.files))
    assert len(hashes) == 1


def test_nothing_to_train_on(
    context: StageContext, make_corpus: MakeCorpus, store: ArtifactStore, ray_session: Session
) -> None:
    only_heldout = make_corpus(heldout_every=1, name="held out")
    with pytest.raises(InputError, match="no training text"):
        train_tokenizer(SMALL, only_heldout, context)
    tokenizer = train_tokenizer(SMALL, make_corpus(), context)
    with pytest.raises(InputError, match="no training text"):
        pack_tokens(ROWS, only_heldout, tokenizer, context)
    with store.draft(Work("corpus", {"empty": True}, {}, 1)) as draft:
        draft.write("report.json", b"{}")
    empty = store.open("corpus", draft.work.folder)
    with pytest.raises(InputError, match="holds no documents"):
        train_tokenizer(SMALL, empty, context)
    with pytest.raises(InputError, match="holds no documents"):
        pack_tokens(ROWS, empty, tokenizer, context)
    assert not list(store.artifacts("tokens"))


def _change_a_byte(artifact: Artifact, path: str, at: int) -> None:
    file = Path(artifact.location.path) / path
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("at", [100, -5])
def test_a_changed_corpus_is_refused(context: StageContext, make_corpus: MakeCorpus, ray_session: Session, at: int) -> None:
    """At the beginning the tasks find it, at the end, in the footer, the planning."""
    corpus = make_corpus()
    tokenizer = train_tokenizer(SMALL, corpus, context)
    _change_a_byte(corpus, "documents/part-00001.parquet", at)
    with pytest.raises(ArtifactError, match=r"documents/part-00001\.parquet of corpus .* differs") as caught:
        pack_tokens(ROWS, corpus, tokenizer, context)
    assert "\n" not in str(caught.value)
    with pytest.raises(ArtifactError, match="differs"):
        train_tokenizer(TokenizerSpec(vocab_size=700), corpus, context)
    assert not list(context.store.artifacts("tokens"))


def test_a_changed_tokenizer_is_refused(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    corpus = make_corpus()
    tokenizer = train_tokenizer(SMALL, corpus, context)
    _change_a_byte(tokenizer, "tokenizer.json", 500)
    with pytest.raises(ArtifactError, match=r"tokenizer\.json .* differs"):
        pack_tokens(ROWS, corpus, tokenizer, context)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"tokenizer": {"vocab_size": 100}}, "at least 259"),
        ({"tokenizer": {"han_run": 0}}, "greater than or equal to 1"),
        ({"tokenizer": {"vocabulary": 100}}, "did you mean 'vocab_size'"),
        ({"tokens": {"sequence_length": 4}}, "greater than or equal to 8"),
    ],
)
def test_a_recipe_out_of_range_is_refused(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(json.dumps(section))
    recipe = read_recipe(str(file))
    [name] = section
    with pytest.raises(RecipeError, match=message):
        recipe.section(name, TokenizerSpec if name == "tokenizer" else TokensSpec)


def test_the_workload_runs_both_stages_of_a_recipe(
    context: StageContext, make_corpus: MakeCorpus, ray_session: Session, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: test\ntokenizer: {vocab_size: 400}\ntokens: {sequence_length: 32}\n")
    with pytest.raises(ArtifactError, match="has no corpus yet"):
        body(context, read_recipe(str(file)))
    context.store.set_ref("test", make_corpus())
    tokens = body(context, read_recipe(str(file)))
    assert tokens.manifest.inputs["tokenizer"] == context.store.ref("test", "tokenizer").fingerprint
    assert tokens.manifest.counts["sequence_length"] == 32


def test_real_text(context: StageContext, make_corpus: MakeCorpus, shared_data: Path) -> None:
    """A few hundred documents of every kind: they come back exactly, at a sensible number of characters per token."""

    with gzip.open(shared_data / "corpus/zh_small.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"][:3000] for _, line in zip(range(300), lines, strict=False)]
    tokenizer = train_tokenizer(TokenizerSpec(vocab_size=3000), make_corpus(texts=texts), context)
    own = load_tokenizer(tokenizer.read("tokenizer.json").decode())
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()
    back = "".join(own.decode(own.encode(text).ids, skip_special_tokens=False) for text in texts)
    assert hashlib.sha256(back.encode()).hexdigest() == digest
    assert 1.0 < tokenizer.manifest.metrics["characters_per_token"] < 2.0
