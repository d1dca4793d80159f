"""The numbers that rules look at, of every text of a column at once. Not for deciding anything (see rules.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Repetition:
    """[texts, lengths] each: n-grams of letters that occurred before in the text, and how often the most frequent occurs."""

    repeated: Counts
    most: Counts


@dataclass(frozen=True)
class Statistics:
    """One number per text in each column.

    A letter is a letter, digit or numeral of any script; a visible character one that is not white space; a line one that
    has visible characters, taken without the spaces around it; a paragraph the lines between blank ones.
    """

    codes: Codes
    visible: Counts
    letters: Counts
    han: Counts
    latin: Counts  # A-Z and a-z
    digits: Counts  # 0-9
    clause_marks: Counts  # ，。！？；：… and their ASCII forms, without 、
    code_marks: Counts  # {}<>=[]()/\_#$&|*+;`~^@
    brackets: Counts  # 【 and 】
    distinct: Counts  # different visible characters
    longest_digits: Counts  # the longest run of 0-9
    at_signs: Counts  # @ and ＠
    url_characters: Counts  # from http:, https: or www. up to the next space or character that is not ASCII
    lines: Counts
    closed_lines: Counts  # that end with a mark that ends a sentence or a quotation
    bullet_lines: Counts  # that begin with a mark of a list
    ellipsis_lines: Counts  # that end with … or ...
    repeated_lines: Counts  # that stand in the text before
    repeated_line_characters: Counts  # in such lines
    paragraphs: Counts
    repeated_paragraphs: Counts
    repeated_paragraph_characters: Counts

    @cached_property
    def characters(self) -> Counts:
        return self.codes.lengths()

    @cached_property
    def entropy(self) -> Shares:
        """Bits per character of the visible ones among the first 5,000 characters; see quality.entropy."""
        from workloads.text.kernels.characters import classes
        from workloads.text.kernels.statistics import entropies

        bits: Shares = entropies(self.codes.points, self.codes.offsets, classes())
        return bits

    def per_visible(self, counts: Counts) -> Shares:
        """A count per visible character; 0 for a blank text."""
        return counts / np.maximum(self.visible, 1)

    def repeated_shares(self, lengths: Sequence[int]) -> Shares:
        """For each text and each length, ascending, the share of the n-grams of letters that occurred before in the text,
        [texts, lengths]; 0 where the text is shorter. See repetition.repeated_share."""
        shares: Shares = self.repetition(lengths).repeated / np.maximum(self.letters[:, None] - np.array(lengths) + 1, 1)
        return shares

    def repetition(self, lengths: Sequence[int]) -> Repetition:
        """Of each text and each length of n-grams, ascending."""
        from workloads.text.kernels.characters import classes
        from workloads.text.kernels.shingles import count_repeated

        repeated, most, _ = count_repeated(self.codes.points, self.codes.offsets, classes(), np.array(lengths, np.int64))
        return Repetition(repeated, most)


def measure(texts: Sequence[str] | Codes) -> Statistics:
    """All counts in one pass; entropy and repetition are counted when they are asked for."""
    from workloads.text.kernels.characters import classes
    from workloads.text.kernels.statistics import FIELDS, count

    codes = texts if isinstance(texts, Codes) else Codes.of(texts)
    columns = count(codes.points, codes.offsets, classes())
    return Statistics(codes, **dict(zip(FIELDS, columns.T, strict=True)))
