"""The corpus stage: raw files to one deduplicated, explained corpus artifact, or the one that is there already."""

from collections.abc import Mapping

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.corpus.learned.load import load_learned
from workloads.corpus.reading.files import find_files
from workloads.corpus.spec import CorpusSpec

STAGE_VERSION = 3
_NAME = "corpus"


def build_corpus(spec: CorpusSpec, context: StageContext) -> Artifact:
    """Build the corpus of `spec`, or find it done, which needs no Ray.

    Raises InputError where nothing can be read or nothing is left, or a model is damaged, StorageError where the store cannot be written.
    """
    learned = load_learned(spec, context.resolve)
    found = find_files(tuple((each, context.resolve(each.path)) for each in spec.inputs))

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.corpus.build import fill  # Ray Data takes seconds to import, and done work does not need it

        return fill(draft, spec, found, learned.models, context, _NAME)

    work = Work("corpus", spec.identity(), {"raw": found.fingerprint(), **learned.fingerprints}, STAGE_VERSION)
    return run_stage(context, _NAME, "documents", work, build)
