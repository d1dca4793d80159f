"""One sign for one meaning: full-width forms, radicals, vertical and half-width punctuation as a Chinese reader expects them.

Sets what a reader would take for a slip of the machine. Not for white space and invisible characters (normalise.py), and not
for text in which such forms may be meant: code, tables of values, addresses, numbers.
"""

import re
import unicodedata

from workloads.text.script import HAN

_HALF_FORMS = "％＠／＆＋＝＃＄＊＿＼＾｀＂＇"  # ，！？：；（）［］～｜￥ stay: Chinese text has them so
_VERTICAL = {
    "︐": "，", "︑": "、", "︒": "。", "︓": "：", "︔": "；", "︕": "！", "︖": "？", "︗": "〖", "︘": "〗", "︙": "…", "︵": "（", "︶": "）",
    "︷": "{", "︸": "}", "︹": "〔", "︺": "〕", "︻": "【", "︼": "】", "︽": "《", "︾": "》", "︿": "〈", "﹀": "〉", "﹁": "「", "﹂": "」",
    "﹃": "『", "﹄": "』", "﹐": "，", "﹑": "、", "﹒": ".", "﹔": "；", "﹕": "：", "﹖": "？", "﹗": "！", "﹙": "（", "﹚": "）", "｡": "。",
    "｢": "「", "｣": "」", "､": "、",
}  # fmt: skip
_RADICALS = {  # of the CJK Radicals Supplement, those that PDF text layers have in place of the character (Unicode's
    # EquivalentUnifiedIdeograph); the Kangxi radicals have a decomposition
    "⺁": "厂", "⺅": "亻", "⺌": "小", "⺎": "兀", "⺏": "尢", "⺟": "母", "⺠": "民", "⺼": "月", "⻁": "虎", "⻄": "西", "⻅": "见", "⻆": "角",
    "⻉": "贝", "⻋": "车", "⻓": "长", "⻔": "门", "⻘": "青", "⻙": "韦", "⻚": "页", "⻛": "风", "⻜": "飞", "⻝": "食", "⻢": "马", "⻣": "骨",
    "⻤": "鬼", "⻥": "鱼", "⻦": "鸟", "⻨": "麦", "⻩": "黄", "⻬": "齐", "⻮": "齿", "⻰": "龙", "⻳": "龟",
}  # fmt: skip
_KANGXI = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)} | {"⼾": "户"}
_SIGNS = str.maketrans({**{sign: chr(ord(sign) - 0xFEE0) for sign in _HALF_FORMS}, **_VERTICAL, **_RADICALS, **_KANGXI})
_EMOJI = "#*0-9\u00a9\u00ae\u203c\u2049\u2100-\u329f\U0001f000-\U0001faff"
_SELECTOR = re.compile(f"(?<![{_EMOJI}])\ufe0f|[\u180b-\u180d\ufe00-\ufe0e\ufffc\U000e0000-\U000e01ef]")
_LATIN = "[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]"
_BETWEEN_LATIN = re.compile(f"(?<={_LATIN})[．－＜＞](?={_LATIN})|(?<=[０-９])：(?=[０-９])")
_HALF_BETWEEN = str.maketrans("．－＜＞：", ".-<>:")
ODD = re.compile(
    f"[{_HALF_FORMS}．－＜＞\u180b-\u180d\u2e80-\u2fd5\ufe00-\ufe19\ufe35-\ufe57\ufe59\ufe5a\uff61-\uff64\ufffc\U000e0000-\U000e01ef]"
)
_WIDE_TIME = re.compile("[０-９]：[０-９]")
MARK_SIGNS = "[,;:?!.]"
_MARKS = {",": "，", ";": "；", ":": "：", "?": "？", "!": "！"}
_MARK = re.compile(  # what stands before is asked last, since few characters are marks and most are Han
    f"[,;:?!](?<=[{HAN}].)(?=[{HAN}“《（]|[ \t\r\u3000]*$)|\\.(?<=[{HAN}].)(?=[ \t\r\u3000]*$)", re.MULTILINE
)
_PROSE = re.compile(f"[，。、；：！？]|[{HAN}][.!?;][ \t\r\u3000]*$")
_CODE = re.compile("[{}=<>`|\\\\]|//|/\\*|^\\s*#")


def settle(text: str) -> str:
    """Full-width signs (％＠／…) to half width, between Latin letters and digits also ．－＜＞ and, in numbers, ：; radicals (⼈) to characters (人); vertical and
    half-width Chinese punctuation to the usual; variation selectors out, but for those that make a sign an emoji; half-width
    marks after Han to full width in lines of prose.

    A line is prose if it has other Chinese punctuation or ends as a sentence; a row of values with commas is not, and a line
    with signs of code is left alone. A point between Han stays: it may divide the parts of a name.
    """
    if ODD.search(text) or _WIDE_TIME.search(text):
        text = _BETWEEN_LATIN.sub(lambda found: found[0].translate(_HALF_BETWEEN), text)
        text = _SELECTOR.sub("", text.translate(_SIGNS))
    if _MARK.search(text):
        text = "\n".join(_settle_line(line) for line in text.split("\n"))
    return text


def _settle_line(line: str) -> str:
    if not _MARK.search(line) or not _PROSE.search(line) or _CODE.search(line):
        return line
    return _MARK.sub(lambda found: _MARKS.get(found[0], "。"), line)
