"""What is wrong with an answer as anyone can see it: empty, refusing, repeating itself, in another script. Pure.

Not for whether it is right, and not for blocking anything: a release compares how often each happens under two revisions.
"""

import re

from workloads.text.script import count_visible, han_share

FAULTS = ("empty", "refusal", "repetition", "language")
_REFUSAL = re.compile(
    r"^\W{0,4}(?:很?抱歉|对不起|不好意思|非常遗憾)?[，,。！! ]{0,2}(?:但?是?我)?(?:作为一?个?(?:人工智能|AI|语言模型)|"
    r"(?:我)?(?:无法|不能|没有办法|没法)(?:回答|提供|协助|帮助|完成|满足|处理|讨论))|"
    r"^\W{0,4}(?:i'?m sorry|i apologi[sz]e|i can(?:'|no)t|as an ai\b)",
    re.IGNORECASE,
)
_GRAM = 4  # characters
_LEAST_REPEATED = 40  # characters; shorter answers repeat by chance
_REPEATED_SHARE = 0.5  # of all 4-grams are copies of earlier ones: 0.1-0.25 in prose of a few hundred characters
_LEAST_FOREIGN = 8  # visible characters that are enough to tell a script
_CHINESE, _FOREIGN = 0.5, 0.1  # shares of Han characters: from here on a prompt is Chinese, below this an answer is not
_BROKEN_SHARE = 0.05  # of U+FFFD: bytes that are no text
_LOOKED_AT = 4000  # characters of an answer


def faults_of(prompt: str, answer: str) -> tuple[str, ...]:
    """The names of what is wrong with an answer to this prompt, in the order of FAULTS."""
    answer = answer[:_LOOKED_AT]
    found = {
        "empty": not answer.strip(),
        "refusal": _REFUSAL.search(answer) is not None,
        "repetition": repeated_share(answer) > _REPEATED_SHARE,
        "language": _other_language(prompt[-_LOOKED_AT:], answer),
    }
    return tuple(name for name in FAULTS if found[name])


def repeated_share(text: str) -> float:
    """Share of 4-character pieces that were there before in the same text; 0 for a short one."""
    pieces = len(text) - _GRAM + 1
    if len(text) < _LEAST_REPEATED:
        return 0.0
    return 1 - len({text[start : start + _GRAM] for start in range(pieces)}) / pieces


def _other_language(prompt: str, answer: str) -> bool:
    visible = count_visible(answer)
    if visible < _LEAST_FOREIGN:
        return False
    if answer.count("�") > _BROKEN_SHARE * visible:
        return True
    return han_share(prompt) >= _CHINESE and han_share(answer) < _FOREIGN
