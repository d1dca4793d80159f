"""Token rows of a mixture: the shares come out as asked, held-out rows stay as they are, and it is the same every time."""

import json
from collections.abc import Callable

import pytest

from cluster.artifacts import Artifact
from cluster.errors import RecipeError
from cluster.session import Session
from cluster.stage import StageContext
from workloads.tokenizer.documents import HELDOUT, read_documents
from workloads.tokenizer.mix import MixSpec
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.tokenizer.stage import pack_tokens, train_tokenizer

MakeCorpus = Callable[..., Artifact]
SMALL = TokenizerSpec(vocab_size=450)


def pack(context: StageContext, corpus: Artifact, **mix: object) -> Artifact:
    spec = TokensSpec(sequence_length=64, mix=MixSpec.model_validate(mix))
    return pack_tokens(spec, corpus, train_tokenizer(SMALL, corpus, context), context)


def shares(tokens: Artifact) -> dict[str, float]:
    return {line["source"]: line["share_packed"] for line in json.loads(tokens.read("mixture.json"))["sources"]}


def test_shares_are_as_asked(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    corpus = make_corpus(documents=400)
    mixed = pack(context, corpus, weights={"town": 0.75}, max_repeats=4)
    assert shares(mixed)["town"] == pytest.approx(0.75, abs=0.03)
    plain = pack(context, corpus)
    assert mixed.manifest.counts["tokens_train"] > plain.manifest.counts["tokens_train"]
    assert "mixture.json" not in {entry.path for entry in plain.manifest.files}
    assert mixed.manifest.counts["documents_heldout"] == len(list(read_documents(corpus, HELDOUT)))


def test_a_budget_is_kept(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    corpus = make_corpus(documents=400)
    half = pack(context, corpus).manifest.counts["tokens_train"] // 2
    mixed = pack(context, corpus, tokens=half)
    assert mixed.manifest.counts["tokens_train"] == pytest.approx(half, rel=0.2)  # 180 of 360 documents: a deviation is .06


def test_the_seed_alone_decides_which_documents(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    texts = [f"第{number}户人家住在河边，院子里种着{number}棵枣树。" for number in range(120)]
    one, split = make_corpus(texts=texts, parts=1, name="one"), make_corpus(texts=texts, parts=4, name="four")
    first, same = pack(context, one, tokens=900, seed=1), pack(context, split, tokens=900, seed=1)
    other = pack(context, one, tokens=900, seed=2)
    files = [{entry.path: entry.sha256 for entry in each.manifest.files} for each in (first, same, other)]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_source_that_is_not_there(context: StageContext, make_corpus: MakeCorpus, ray_session: Session) -> None:
    with pytest.raises(RecipeError, match="weights names village"):
        pack(context, make_corpus(), weights={"village": 0.5})
