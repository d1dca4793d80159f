"""Teaching a model from documents on disk: read as the corpus reads them, cleaned of navigation, a fair sample of what there is.

In this process and without Ray. The same documents give the same model, wherever they lie.
"""

from cluster import storage
from cluster.errors import InputError
from cluster.manifest import Json
from workloads.corpus.clean import without_boilerplate
from workloads.corpus.learned.folder import save_perplexity, save_quality
from workloads.corpus.reading.files import find_files
from workloads.corpus.sample import draw
from workloads.corpus.spec import CorpusSpec
from workloads.text.codes import Codes
from workloads.text.learned import teach_perplexity as by_reference
from workloads.text.learned import teach_quality as by_piles
from workloads.text.learned.evidence import Evidence
from workloads.text.learned.teach_perplexity import TaughtPerplexity
from workloads.text.learned.teach_quality import Taught

REFERENCE_DOCUMENTS = 50_000


def read_pile(path: str, documents: int, spec: CorpusSpec) -> list[str]:
    """At most so many documents below an absolute path or URI, as the corpus' rules see them. Raises InputError for none."""
    place = spec.inputs[0].model_copy(update={"path": path, "source": "pile", "format": "auto"})
    drawn = draw(find_files(((place, path),)).files, documents, spec.reading.limits())
    texts, _ = without_boilerplate(Codes.of([each.text for each in drawn]), [path] * len(drawn), spec, frozenset())
    found = [text for text in texts if text.strip()]
    if not found:
        raise InputError(f"no document could be read from {path}", "files that a corpus is read from", "check the path")
    return found


def teach_quality(good: str, bad: str, out: str, documents: int, spec: CorpusSpec) -> Taught:
    """Learn from two places and write the folder `out`. Raises InputError for piles that are too small."""
    good_pile, bad_pile = (read_pile(path, documents, spec) for path in (good, bad))
    try:
        taught = by_piles.teach_quality(good_pile, bad_pile)
    except ValueError as error:
        raise _too_few(str(error), by_piles.LEAST_DOCUMENTS) from error
    save_quality(storage.locate(out), taught.model, _told(taught.evidence))
    return taught


def teach_perplexity(reference: str, out: str, characters: int, spec: CorpusSpec) -> TaughtPerplexity:
    """Learn from one place and write the folder `out`. Raises InputError for too few documents."""
    texts = _within(read_pile(reference, REFERENCE_DOCUMENTS, spec), characters)
    try:
        taught = by_reference.teach_perplexity(texts)
    except ValueError as error:
        raise _too_few(str(error), by_reference.LEAST_DOCUMENTS) from error
    learned: dict[str, Json] = {
        "documents": taught.documents,
        "characters": taught.characters,
        "grams": taught.grams,
        "heldout_bits": {str(percent): bits for percent, bits in zip(by_reference.PERCENTILES, taught.heldout, strict=True)},
    }
    save_perplexity(storage.locate(out), taught.model, learned)
    return taught


def _within(texts: list[str], characters: int) -> list[str]:
    """The first texts, which are a fair choice, up to so many characters."""
    chosen, total = [], 0
    for text in texts:
        if total + len(text) <= characters:
            chosen.append(text)
            total += len(text)
    return chosen


def _too_few(given: str, least: int) -> InputError:
    return InputError(given, f"at least {least} different documents in each place", "give more")


def _told(evidence: Evidence) -> dict[str, Json]:
    return {
        "heldout_good": evidence.good,
        "heldout_bad": evidence.bad,
        "auc": evidence.auc,
        "calibration_error": evidence.calibration,
        "thresholds": [
            {"min_score": line.threshold, "precision": line.precision, "recall": line.recall, "bad_kept": line.bad_kept}
            for line in evidence.lines
        ],
    }
