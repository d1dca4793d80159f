"""Resident identity numbers: eighteen characters with a check character (GB 11643), and, as an option, the old fifteen digits."""

import re
from datetime import date

from workloads.text.personal.around import NOT_IN_NUMBER, SEPARATORS, digits_of, in_web_address, stands_alone
from workloads.text.personal.kind import Kind

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_CHECKS = "10X98765432"
_PROVINCES = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
_SEP = f"[{SEPARATORS}]?"
_YEARS = range(1870, 2050)
_EIGHTEEN = re.compile(rf"{_PROVINCES}[0-9]{{4}}(?:18|19|20)[0-9]{{9}}[0-9Xx]")
_LABEL = re.compile(r"(?:身份证|证件|公民|居民)[^0-9\n。；]{0,12}$")


def is_day(year: int, month: int, day: int) -> bool:
    """Whether someone can have been born that day."""
    try:
        return date(year, month, day).year in _YEARS
    except ValueError:
        return False


def is_id_card(number: str) -> bool:
    """Whether 18 characters are a resident identity number: a province, a birthday and the right check character."""
    if not _EIGHTEEN.fullmatch(number) or not is_day(int(number[6:10]), int(number[10:12]), int(number[12:14])):
        return False
    weighted = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return _CHECKS[weighted % 11] == number[17].upper()


def _accept(text: str, found: re.Match[str]) -> bool:
    number = "".join(c for c in found.group() if c.isdigit() or c in "Xx")
    return is_id_card(number) and stands_alone(text, found.start(), found.end()) and not in_web_address(text, found.start())


def _accept_old(text: str, found: re.Match[str]) -> bool:
    number = digits_of(found.group())
    day = (1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
    labelled = _LABEL.search(text, max(0, found.start() - 20), found.start())
    return bool(labelled) and is_day(*day) and stands_alone(text, found.start(), found.end())


ID_CARD = Kind(
    "id_card",
    "身份证号",
    "resident identity number",
    re.compile(
        f"{NOT_IN_NUMBER}{_PROVINCES}(?:[0-9]{_SEP}[0-9]{_SEP}[0-9]{{2}}{_SEP}(?:18|19|20)[0-9]{{2}}{_SEP}"
        f"[01][0-9]{_SEP}[0-3][0-9]{_SEP}[0-9]{{3}}{_SEP}[0-9Xx]"
        f"|[0-9]{{2}}(?P<gap>[{SEPARATORS}])[0-9]{{4}}(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}}(?P=gap)[0-9][0-9Xx])(?![0-9])"
    ),
    _accept,
)

ID_CARD_15 = Kind(
    "id_card_15",
    "身份证号",
    "resident identity number of fifteen digits, issued until 1999, after a word like 身份证",
    re.compile(f"{NOT_IN_NUMBER}{_PROVINCES}[0-9]{{4}}{_SEP}[0-9]{{6}}{_SEP}[0-9]{{3}}(?![0-9])"),
    _accept_old,
    structured=False,
    default=False,
)
