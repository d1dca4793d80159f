"""How Traditional a text is, to tell the two scripts' copies of one text apart. Not for converting (see fold.py)."""

import re
from functools import cache

from zhconv_rs import zhconv

_HAN = range(0x4E00, 0xA000)  # the block in which nearly all characters in use stand


@cache
def _traditional_only() -> re.Pattern[str]:
    """The characters that MediaWiki's tables (zhconv-rs) turn into another, Simplified one."""
    signs = [chr(code) for code in _HAN]
    simplified = str(zhconv("\n".join(signs), "zh-hans", False)).split("\n")
    return re.compile(f"[{''.join(sign for sign, other in zip(signs, simplified, strict=True) if sign != other)}]")


def count_traditional(text: str) -> int:
    """Characters that Simplified Chinese writes differently; 0 for most Simplified texts."""
    return len(_traditional_only().findall(text))
