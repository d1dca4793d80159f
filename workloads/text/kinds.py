"""Which kind of sign every code point is, and how many of each kind a text has, in one pass. Not for what the counts mean."""

import unicodedata
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from zhconv_rs import zhconv

Counts = NDArray[np.int64]

_END = 0x31350  # behind the last block of Han in Unicode 15; code points above are signs
_HAN = ((0x3007, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, _END))
_KANA = ((0x3041, 0x3097), (0x30A1, 0x30FB), (0x31F0, 0x3200), (0xFF66, 0xFF9E))  # without ・ and ー, which Chinese borrows
_HANGUL = ((0x1100, 0x1200), (0x3131, 0x318F), (0xAC00, 0xD7A4))
_VIETNAMESE = "ăâđêôơưĂÂĐÊÔƠƯ" + "".join(map(chr, range(0x1EA0, 0x1EFA)))
_CLAUSE_MARKS = "，。！？；：…,.!?;:"  # 、 divides words, also in lists of keywords


class Kind(IntEnum):
    """A code point has one kind. HAN is alike in both scripts; SIMPLIFIED and TRADITIONAL are Han of one of them only."""

    SIGN = 0
    SPACE = 1
    NEWLINE = 2
    HAN = 3
    SIMPLIFIED = 4
    TRADITIONAL = 5
    KANA = 6
    HANGUL = 7
    LATIN = 8
    VIETNAMESE = 9
    OTHER_LETTER = 10
    DIGIT = 11
    CLAUSE_MARK = 12


HAN_KINDS = (Kind.HAN, Kind.SIMPLIFIED, Kind.TRADITIONAL)
LETTER_KINDS = (*HAN_KINDS, *range(Kind.KANA, Kind.CLAUSE_MARK))
"""Letters and digits: what an n-gram is made of."""


@cache
def kind_table() -> NDArray[np.uint8]:
    """The kind of every code point below 0x31350."""
    table = np.array([_kind_by_category(code) for code in range(_END)], np.uint8)
    for ranges, kind in ((_HAN, Kind.HAN), (_KANA, Kind.KANA), (_HANGUL, Kind.HANGUL)):
        for first, last in ranges:
            table[first:last] = kind
    for signs, kind in ((_VIETNAMESE, Kind.VIETNAMESE), (_CLAUSE_MARKS, Kind.CLAUSE_MARK), ("\n", Kind.NEWLINE)):
        table[[ord(sign) for sign in signs]] = kind
    for signs, kind in zip(script_characters(), (Kind.SIMPLIFIED, Kind.TRADITIONAL), strict=True):
        table[[ord(sign) for sign in signs]] = kind
    return table


def _kind_by_category(code: int) -> Kind:
    category = unicodedata.category(chr(code))
    if category[0] == "L":
        latin = code < 0x370 or 0x1E00 <= code < 0x1F00 or 0xFF21 <= code <= 0xFF5A
        greek = 0x370 <= code < 0x400  # stands in formulas
        return Kind.LATIN if latin or greek else Kind.OTHER_LETTER
    if category[0] == "N":
        return Kind.DIGIT if category == "Nd" else Kind.SIGN
    return Kind.SPACE if chr(code).isspace() else Kind.SIGN


@cache
def script_characters() -> tuple[str, str]:
    """Han that only the Simplified script writes, and that only the Traditional one writes.

    A character of GB 2312 that Big5 lacks and that changes in Traditional is Simplified, and the other way round. 后, 里, 干
    and the like are in both character sets, since Traditional text has them with another meaning, and tell nothing.
    """
    unified = [chr(code) for code in range(0x4E00, 0xA000)]
    gb2312, big5 = ({sign for sign in unified if _writes(charset, sign)} for charset in ("gb2312", "big5"))
    simplified = sorted(sign for sign in gb2312 - big5 if zhconv(sign, "zh-hant") != sign)
    traditional = sorted(sign for sign in big5 - gb2312 if zhconv(sign, "zh-hans") != sign)
    return "".join(simplified), "".join(traditional)


def _writes(charset: str, sign: str) -> bool:
    try:
        sign.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
