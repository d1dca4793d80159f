"""The lexicon of a recipe, read from its files. What is done with it: checks.py."""

from collections.abc import Callable

from cluster import storage
from cluster.errors import InputError
from workloads.corpus.checks_spec import LexiconSpec
from workloads.text.lexicon import Lexicon, read_words, search_of


def load_lexicon(spec: LexiconSpec, resolve: Callable[[str], str]) -> Lexicon | None:
    """The words of `spec`, or None without files.

    Raises InputError for a file that is missing, not UTF-8 or without words, and DependencyError without the extra.
    """
    if not spec.files:
        return None
    words = [pair for path in spec.files for pair in _read(resolve(path))]
    exceptions = [word for path in spec.exceptions for word, _ in _read(resolve(path))]
    lexicon = Lexicon(tuple(sorted(set(words))), tuple(sorted(set(exceptions))))
    unknown = [category for category in spec.drop_categories if category not in lexicon.categories]
    if unknown:
        allowed = f"its categories are {', '.join(lexicon.categories)}"
        raise InputError(f"the lexicon has no category {unknown[0]!r}", allowed, "mend `corpus.lexicon.drop_categories`")
    search_of(lexicon)
    return lexicon


def _read(uri: str) -> list[tuple[str, str]]:
    place = storage.locate(uri)
    if storage.kind_of(place) != "file":
        raise InputError(f"no word list at {uri}", "a UTF-8 file of lines `word` or `word,category`", "check `corpus.lexicon`")
    try:
        data = storage.read_bytes(place).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the word list {uri} is not UTF-8 ({error.reason} at byte {error.start})", "", "save it as UTF-8"
        ) from error
    words = read_words(data, place.name.rsplit(".", 1)[0])
    if not words:
        raise InputError(f"the word list {uri} holds no word", "lines `word` or `word,category`", "fill it or take it out")
    return words
