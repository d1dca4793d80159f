"""The two stages: corpus -> tokenizer, and corpus and tokenizer -> tokens."""

from collections.abc import Mapping

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec

_TOKENIZER_VERSION = 1
_TOKENS_VERSION = 1


def train_tokenizer(spec: TokenizerSpec, corpus: Artifact, context: StageContext) -> Artifact:
    """The tokenizer artifact: Hugging Face files and report.json. Nothing random: no seed enters.

    Raises InputError where the corpus has no training text, ArtifactError where it was changed.
    """
    work = Work("tokenizer", spec.to_json(), {"corpus": corpus.fingerprint}, _TOKENIZER_VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.tokenizer.build import fill_tokenizer

        return fill_tokenizer(spec, corpus, context.reporter, draft)

    return run_stage(context, "tokenizer", "characters", work, build)


def pack_tokens(spec: TokensSpec, corpus: Artifact, tokenizer: Artifact, context: StageContext) -> Artifact:
    """The tokens artifact: fixed-length rows of both splits, and the documents of each row. Depends on the documents' order
    alone, not on the parallelism.

    Raises InputError where there is nothing to train on, ArtifactError where an input was changed.
    """
    inputs = {"corpus": corpus.fingerprint, "tokenizer": tokenizer.fingerprint}
    work = Work("tokens", spec.to_json(), inputs, _TOKENS_VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.tokenizer.build import fill_tokens

        return fill_tokens(spec, corpus, tokenizer, context.reporter, draft)

    return run_stage(context, "tokens", "documents", work, build)
