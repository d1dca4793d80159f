"""Personal data in Chinese text: mobile numbers, e-mail addresses, resident identity numbers, masked in place.

A word boundary of `re` does not exist between a Han character and a digit, so the edges are spelled out here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

_BEFORE = r"(?<![0-9A-Za-z_])(?<![0-9]\.)"
_MOBILE = re.compile(_BEFORE + r"(?:(?:\+|00)?86[- ]?)?1[3-9][0-9](?:[0-9]{8}|[- ][0-9]{4}[- ][0-9]{4})(?![0-9A-Za-z_])")
_EMAIL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9])?[@＠](?:[A-Za-z0-9-]{1,63}[.．]){1,4}[A-Za-z]{2,18}")
_ID_CARD = re.compile(_BEFORE + r"[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx](?![0-9A-Za-z_])")
_LONG_NUMBER = re.compile(r"[0-9]{7}|[0-9]{3}[- ][0-9]{4}")  # most texts have none and need no closer look
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_ID_CHECKS = "10X98765432"


@dataclass(frozen=True)
class Masked:
    """The text with personal data replaced, and how much of each kind was."""

    text: str
    mobiles: int = 0
    emails: int = 0
    id_cards: int = 0

    @property
    def total(self) -> int:
        return self.mobiles + self.emails + self.id_cards


def is_id_card(number: str) -> bool:
    """Whether 18 characters are a resident identity number: a real birthday and the right check character (GB 11643)."""
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", number):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    weighted = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
    return _ID_CHECKS[weighted % 11] == number[17].upper()


def mask(text: str) -> Masked:
    """Replace mobile numbers by <手机号>, e-mail addresses by <邮箱>, identity numbers by <身份证号>.

    An 18-digit number with a wrong check character stays: it is an order or account number.
    """
    emails = id_cards = mobiles = 0
    if "@" in text or "＠" in text:
        text, emails = _replace(_EMAIL, "<邮箱>", text)
    if _LONG_NUMBER.search(text):
        text, id_cards = _replace(_ID_CARD, "<身份证号>", text, is_id_card)
        text, mobiles = _replace(_MOBILE, "<手机号>", text)
    return Masked(text, mobiles, emails, id_cards)


def _replace(pattern: re.Pattern[str], label: str, text: str, accept: Callable[[str], bool] | None = None) -> tuple[str, int]:
    replaced = 0

    def each(found: re.Match[str]) -> str:
        nonlocal replaced
        if accept and not accept(found[0]):
            return found[0]
        replaced += 1
        return label

    return pattern.sub(each, text), replaced
