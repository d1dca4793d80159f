"""The one clean form in which text is kept: same characters for the same sign, no invisible ones, no stray spaces.

Chinese punctuation stays as written (，。！？：；“”（）《》、…—); signs in other forms come from signs.py. Not for fingerprints: those lose far more (see fold.py).
"""

import re
import unicodedata
from collections.abc import Sequence

from workloads.text.codes import Codes
from workloads.text.script import HAN
from workloads.text.signs import settle

_NEWLINE = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls, without tab and newlines
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, direction, byte order mark
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # halves of surrogate pairs, code points that are no characters
)
WIDE_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_TRAILING = re.compile("[ \t]+$", re.MULTILINE)
OPENING = f"[{HAN}“《（]"
_INDENT_BEFORE_HAN = re.compile(f"^[ \t]+(?={OPENING})", re.MULTILINE)
_INNER_RUN = re.compile("(?<=[^ \t\n])[ \t]{2,}")
CHINESE = f"[{HAN}，。！？：；、“”‘’（）《》〈〉【】…—]"
_BETWEEN_CHINESE = re.compile(f"(?<={CHINESE})[ \t]+(?={CHINESE})")
_BLANK_LINES = re.compile("\n{3,}")
WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ]")
_HALF_WIDTH = {wide: wide - 0xFEE0 for first, last in ("０９", "ＡＺ", "ａｚ") for wide in range(ord(first), ord(last) + 1)}


def normalise(text: str) -> str:
    """NFC; unified newlines; control, zero-width and broken characters out; full-width letters and digits to half width;
    no space between Chinese characters, none at a line's end; at most one blank line in a row.

    Indentation of lines that do not begin with Han stays, since code keeps its meaning there.
    """
    text = compose(settle(text))
    if WIDE.search(text):
        text = text.translate(_HALF_WIDTH)
    text = WIDE_SPACE.sub(" ", text)
    text = _TRAILING.sub("", text)
    text = _INDENT_BEFORE_HAN.sub("", text)
    text = _INNER_RUN.sub(" ", text)
    text = _BETWEEN_CHINESE.sub("", text)
    return _BLANK_LINES.sub("\n\n", text).strip("\n ")


def compose(text: str) -> str:
    """The first steps: unified newlines, no invisible characters, NFC."""
    return unicodedata.normalize("NFC", INVISIBLE.sub("", _NEWLINE.sub("\n", text)))


def normalise_all(texts: Sequence[str]) -> Codes:
    """What `normalise` gives for each text, in one pass over the column."""
    from workloads.text.kernels.normalise import clean_up, kinds, may_compose, may_settle

    codes = Codes.of(texts)
    for may_change, change in ((may_settle, settle), (may_compose, compose)):
        if len(found := may_change(codes.points, codes.offsets, kinds())):
            changed = list(texts)
            for index in found.tolist():
                changed[index] = change(texts[index])
            texts = changed
            codes = Codes.of(texts)
    return Codes(*clean_up(codes.points, codes.offsets, kinds()))
