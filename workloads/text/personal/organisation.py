"""统一社会信用代码: eighteen characters that name a firm, a shop or an office (GB 32100-2015)."""

import re

from workloads.text.personal.around import in_web_address, is_labelled_otherwise, stands_alone
from workloads.text.personal.kind import Kind

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_SHAPE = "(?:1[1-39]|[2-468][19]|5[1-39]|7[129]|9[1-3]|[AN][1-39]|Y1)(?:1[0-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]|99)"
# registering office and its class, then the province; 10 and 99 are the national registers


def is_credit_code(code: str) -> bool:
    """Whether 18 characters have the right check character."""
    try:
        total = sum(weight * _VALUES[character] for weight, character in zip(_WEIGHTS, code, strict=False))
        return len(code) == 18 and _VALUES[code[17]] == (31 - total % 31) % 31
    except KeyError:
        return False


def _accept(text: str, found: re.Match[str]) -> bool:
    code = "".join(character for character in found.group() if character.isalnum()).upper()
    if code.isdigit() and is_labelled_otherwise(text, found.start()):  # one in 31 long numbers passes the check
        return False
    return is_credit_code(code) and stands_alone(text, found.start(), found.end()) and not in_web_address(text, found.start())


CREDIT_CODE = Kind(
    "credit_code",
    "统一社会信用代码",
    "code of an organisation",
    re.compile(
        f"(?<![0-9A-Za-z]){_SHAPE}[0-9]{{4}}[- ]?[0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy]{{8}}[- ]?[0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy]{{2}}(?![0-9A-Za-z])"
    ),
    _accept,
    before=2,
)
