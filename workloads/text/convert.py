"""One Chinese script to the other. Words stay: 軟體 becomes 软体, not 软件. Not for fingerprints (see fold.py)."""

from typing import Literal

from zhconv_rs import zhconv

Target = Literal["none", "simplified", "traditional"]


def convert(text: str, script: str, target: Target) -> str:
    """The text in the target script (MediaWiki's conversion tables, by zhconv-rs); as it is where `script`, what it is
    written in, is the target already or tells nothing, so that quotations in the other script stay."""
    if target == "none" or script in ("none", target):
        return text
    return str(zhconv(text, "zh-hans" if target == "simplified" else "zh-hant", False))
