"""The corpus stage: raw files to one deduplicated, explained corpus artifact, or the one that is there already."""

from collections.abc import Mapping

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.observe.usage import Meter
from cluster.stage import StageContext, run_stage
from workloads.corpus.decontamination.items import find_sets, fingerprint
from workloads.corpus.extend import open_base
from workloads.corpus.learned.load import load_learned
from workloads.corpus.progress import Progress
from workloads.corpus.reading.files import find_files
from workloads.corpus.semantic.encoders import find_encoder
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.timings import write_timings
from workloads.corpus.words import load_lexicon

STAGE_VERSION = 7
_NAME = "corpus"


def build_corpus(spec: CorpusSpec, context: StageContext) -> Artifact:
    """Build the corpus of `spec`, or find it done, which needs no Ray.

    Raises InputError where nothing can be read or nothing is left, or a model is damaged, StorageError where the store cannot
    be written.
    """
    learned = load_learned(spec, context.resolve)
    found = find_files(tuple((each, context.resolve(each.path)) for each in spec.inputs))
    sets = find_sets([(each, context.resolve(each.path)) for each in spec.decontamination.sets])

    lexicon = load_lexicon(spec.lexicon, context.resolve)
    base = open_base(spec.base, context)
    encoder = find_encoder(spec.duplicates.semantic, context)

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.corpus.build import fill  # Ray takes a second to import, and done work does not need it

        with Meter("preparing") as meter:
            progress = Progress(context.reporter, _NAME, context.name, meter)
            facts = fill(draft, spec, found, sets, lexicon, learned.models, context, progress, base, encoder)
            write_timings(draft, context.name, meter.done())
        return facts

    inputs = {"raw": found.fingerprint()} | ({"base": base.fingerprint} if base else {})
    inputs |= {"evaluation_sets": fingerprint(sets)} if sets else {}
    inputs |= learned.fingerprints
    inputs |= {"encoder": encoder.fingerprint} if encoder else {}
    inputs |= {"lexicon": lexicon.fingerprint} if lexicon else {}
    artifact = run_stage(context, _NAME, "documents", Work("corpus", spec.identity(), inputs, STAGE_VERSION), build)
    return _without(artifact, spec, context) if spec.removed else artifact


def _without(artifact: Artifact, spec: CorpusSpec, context: StageContext) -> Artifact:
    from workloads.corpus.removal import read_ids, remove_documents  # its report takes Ray along

    return remove_documents(artifact, read_ids(context.resolve(spec.removed)), context).artifact
