"""Text that was decoded with the wrong encoding: what share of it is damage. Not for repairing it."""

import re

_SAMPLE = 4000  # characters looked at from the beginning
_REPLACED = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯")
_HIGH_LATIN = re.compile("[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]")
_WRONG_WAYS = (("gb18030", "utf-8"), ("cp1252", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030"))
_FEW = 4  # recovered Han characters that chance does not give
_RUN = re.compile("[\u3400-\u9fff]{2,}")  # chance recovers single ones of sound text, and hardly two in a row


def damage(text: str) -> float:
    """Share of the text, 0 to 1, that is damage: replacement characters and their traces, or characters that turn into
    Han when the wrong decoding is undone (UTF-8 read as GB18030 or Latin-1, GB18030 read as Latin-1).

    Undoing it on sound Chinese gives almost no valid UTF-8, so sound text scores near 0.
    """
    sample = text[:_SAMPLE]
    if not sample:
        return 0.0
    replaced = sum(map(len, _REPLACED.findall(sample))) / len(sample)
    ways = _WRONG_WAYS if len(_HIGH_LATIN.findall(sample)) >= 2 * _FEW else _WRONG_WAYS[:1]
    return min(1.0, max([replaced, *(_undone(sample, wrong, right) for wrong, right in ways)]))


def _undone(sample: str, wrong: str, right: str) -> float:
    """Share of the sample that becomes Han when it is written in the wrong encoding again and read in the right one."""
    damaged = sample.encode(wrong, "ignore")
    recovered = sum(map(len, _RUN.findall(damaged.decode(right, "replace"))))
    size = len(damaged) if wrong == "gb18030" else len(sample)
    return recovered * (3 if right == "utf-8" else 2) / size if recovered >= _FEW else 0.0
