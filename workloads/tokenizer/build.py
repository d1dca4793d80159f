"""The work of the tokenizer's two stages, apart from stage.py so that what is found costs no import of Ray Data."""

import json
from collections import Counter
from collections.abc import Iterator

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import InputError
from cluster.observe.progress import Reporter, Value
from workloads.tokenizer.documents import HELDOUT, TRAIN, Document, first_characters, read_documents
from workloads.tokenizer.encode import encode_corpus, most_ahead
from workloads.tokenizer.encoding import token_type
from workloads.tokenizer.huggingface import huggingface_files
from workloads.tokenizer.measure import TokenizerReport, measure_by_source, vocabulary_curve
from workloads.tokenizer.pack import RowPacker
from workloads.tokenizer.shards import ShardTasks
from workloads.tokenizer.sources import mixture_of, mixture_report
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.tokenizer.train import load_tokenizer, train_bpe

_MEASURED_CHARACTERS = 2_000_000
_TELL_EVERY = 1_000  # documents


def fill_tokenizer(spec: TokenizerSpec, corpus: Artifact, reporter: Reporter, draft: Draft) -> dict[str, Value]:
    """Train on the corpus and fill the draft; facts to show."""
    learned = _Counted(first_characters(read_documents(corpus, TRAIN), spec.sample_characters), reporter)
    tokenizer = train_bpe(learned, spec.vocab_size, spec.han_run, spec.longest_token)
    if not learned.characters:
        raise InputError(f"{corpus} holds no training text", "at least one kept document", "look at its report.html")
    vocabulary = tokenizer.get_vocab_size()
    if vocabulary < spec.vocab_size:
        reporter.note(
            "vocabulary_smaller_than_asked",
            asked=spec.vocab_size,
            made=vocabulary,
            why=f"{learned.characters} characters hold no more pairs that occur twice",
        )
    split, documents = _measured(corpus)
    by_source = measure_by_source(tokenizer, documents)
    curve = vocabulary_curve(tokenizer, documents)
    report = TokenizerReport(spec, vocabulary, learned.documents, learned.characters, split, by_source, curve)
    for name, content in huggingface_files(tokenizer, spec.chat_template).items():
        draft.write(name, content)
    draft.write("report.json", (json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n").encode())
    draft.counts |= {"vocabulary": vocabulary, "characters_learned": learned.characters, "documents_learned": learned.documents}
    draft.metrics["characters_per_token"] = report.overall.characters_per_token
    return {"vocabulary": vocabulary, "characters_per_token": report.overall.characters_per_token}


def _measured(corpus: Artifact) -> tuple[str, list[Document]]:
    """What to measure on: held-out documents, or training documents where nothing is held out."""
    for split in (HELDOUT, TRAIN):
        documents = list(first_characters(read_documents(corpus, split), _MEASURED_CHARACTERS))
        if documents:
            return split, documents
    raise InputError(f"{corpus} holds no documents", "a corpus with at least one kept document", "look at its report.html")


class _Counted:
    """The texts of documents, counted and told as they pass."""

    def __init__(self, documents: Iterator[Document], reporter: Reporter) -> None:
        self._documents, self._reporter = documents, reporter
        self.documents = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for document in self._documents:
            self.documents += 1
            self.characters += len(document.text)
            yield document.text
            if self.documents % _TELL_EVERY == 0:
                self._reporter.advance("tokenizer", self.characters)
        self._reporter.advance("tokenizer", self.characters, step="merging")


def fill_tokens(spec: TokensSpec, corpus: Artifact, tokenizer: Artifact, reporter: Reporter, draft: Draft) -> dict[str, Value]:
    """Encode and pack both splits and fill the draft; facts to show."""
    tokenizer_json = tokenizer.read("tokenizer.json").decode()
    vocabulary = load_tokenizer(tokenizer_json).get_vocab_size()
    dtype = token_type(vocabulary)
    mixture, shares = mixture_of(spec.mix, corpus, tokenizer)
    packed: Counter[str] = Counter()
    total = corpus.manifest.counts.get("documents_kept", 0)
    with ShardTasks(max(1, most_ahead() // 2)) as tasks:
        packers = {
            split: RowPacker(draft.location, split, spec.sequence_length, dtype, write=tasks.write)
            for split in (TRAIN, HELDOUT)
        }
        for encoded in encode_corpus(corpus, tokenizer_json, dtype, mixture):
            packed += encoded.by_source[TRAIN]
            for split, packer in packers.items():
                packer.add_counted(encoded.tables[split], encoded.counted[split])
            documents, tokens = (sum(getattr(each, name) for each in packers.values()) for name in ("documents", "tokens"))
            reporter.advance("tokens", documents, total, tokens_packed=tokens)
        for packer in packers.values():
            packer.close()
    if not packers[TRAIN].tokens:
        raise InputError(f"{corpus} holds no training text", "at least one kept document", "look at its report.html")
    if shares:
        draft.write("mixture.json", mixture_report(shares, packed))
    draft.counts |= {"sequence_length": spec.sequence_length, "vocabulary": vocabulary}
    for split, packer in packers.items():
        draft.counts |= {f"{name}_{split}": count for name, count in packer.counts().items()}
    return {"rows": packers[TRAIN].rows, "training_tokens": packers[TRAIN].tokens}
