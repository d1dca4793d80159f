"""What users write stays text: the names of control tokens in their messages never become control tokens.

A chat template is a text in which its own control tokens and the users' words stand side by side. Before it is rendered the
users' words are covered, so that afterwards the control tokens that stand in the text are the template's own, and no others.
Not for raw prompts (/v1/completions): who may send one writes its control tokens himself.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

_FIRST_COVER = 0x10_0000  # private use, plane 16: in no sensible text; those that do occur are passed over
_LAST_COVER = 0x10_FFFD

Message = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Prompt:
    """A rendered conversation. `control` are the [start, end) places in `text` of the control tokens that the template
    wrote; all else is text, whatever it looks like."""

    text: str
    control: tuple[tuple[int, int], ...]


class Shield:
    """Covers and uncovers for one model: `tokens` are the names of its control tokens, such as `<|im_start|>`."""

    def __init__(self, tokens: Iterable[str]) -> None:
        names = sorted({token for token in tokens if token}, key=len, reverse=True)
        self._whole = re.compile("|".join(map(re.escape, names))) if names else None
        self._beginnings = {name[:length] for name in names for length in range(1, len(name))}
        self._endings = {name[length:] for name in names for length in range(1, len(name))}
        self._longest = max(map(len, names), default=1) - 1

    def cover(self, said: JsonValue) -> tuple[JsonValue, dict[str, str]]:
        """What users said, with one character of every control token in its texts replaced, and what puts it back.

        Each stands for one, so that lengths stay. Also covered is what could become one beside what the template writes:
        the beginning of a name at a text's end, the end of one at its beginning.
        """
        covers: dict[str, str] = {}
        used = set("".join(_texts(said)))
        free = (chr(code) for code in range(_FIRST_COVER, _LAST_COVER) if chr(code) not in used)

        def covered(character: str) -> str:
            found = covers.get(character)
            if found is None:
                found = covers[character] = next(free)
            return found

        done = self._walk(said, covered)
        return done, {cover: character for character, cover in covers.items()}

    def uncover(self, rendered: str, covers: Mapping[str, str]) -> Prompt:
        """The text as users meant it, and where the template's control tokens stand."""
        found = self._whole.finditer(rendered) if self._whole else iter(())
        control = tuple((match.start(), match.end()) for match in found)
        return Prompt(rendered.translate({ord(cover): character for cover, character in covers.items()}), control)

    def _walk(self, said: JsonValue, cover: Callable[[str], str]) -> JsonValue:
        if isinstance(said, str):
            return self._covered(said, cover)
        if isinstance(said, dict):
            return {self._key(key, cover): self._walk(value, cover) for key, value in said.items()}
        return [self._walk(each, cover) for each in said] if isinstance(said, list) else said

    def _key(self, key: str, cover: Callable[[str], str]) -> str:
        """A template looks fields up by their names, which are identifiers; what a client made up may be anything."""
        return key if key.isidentifier() else self._covered(key, cover)

    def _covered(self, text: str, cover: Callable[[str], str]) -> str:
        if self._whole is None:
            return text
        text = self._whole.sub(lambda match: cover(match[0][0]) + match[0][1:], text)
        for length in range(min(self._longest, len(text)), 0, -1):
            if text[-length:] in self._beginnings:
                place = len(text) - length
                text = text[:place] + cover(text[place]) + text[place + 1 :]
            if text[:length] in self._endings:
                text = text[: length - 1] + cover(text[length - 1]) + text[length:]
        return text


def _texts(said: JsonValue) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        for key, value in said.items():
            yield key
            yield from _texts(value)
    elif isinstance(said, list):
        for each in said:
            yield from _texts(each)
