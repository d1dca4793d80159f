"""Bank cards: 16 to 19 digits of an issuer's range with a Luhn check digit."""

import re

from workloads.text.personal.around import NOT_IN_NUMBER, SEPARATORS, digits_of, is_plain_number
from workloads.text.personal.kind import Kind

_SEP = f"[{SEPARATORS}]"
_LABEL = re.compile(r"(?:卡号?|账[号户]|帐[号户]|Visa|VISA|Master[Cc]ard|JCB|card)[^0-9\n。；]{0,12}$")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_LENGTHS = {"62": range(16, 20), "60": range(16, 20), "68": range(16, 20), "69": range(16, 20), "95": range(16, 20)}
# UnionPay's 62 and the older domestic ranges (60, 68, 69, and 9558 of one large bank); the world's networks have 16 digits.
_ABROAD = re.compile(r"4|5[1-5]|2[2-7]|35")


def passes_luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


def _accept(text: str, found: re.Match[str]) -> bool:
    """Ranges other than 62 are short, so that one in a hundred numbers falls in: those need groups of four or a label."""
    number = digits_of(found.group())
    domestic = len(number) in _LENGTHS.get(number[:2], ())
    if not domestic and not (len(number) == 16 and _ABROAD.match(number)):
        return False
    if not passes_luhn(number) or len(set(number)) < 4 or not is_plain_number(text, found.start(), found.end()):
        return False
    grouped = len(found.group()) > len(number)
    return number.startswith("62") or grouped or bool(_LABEL.search(text, max(0, found.start() - 20), found.start()))


BANK_CARD = Kind(
    "bank_card",
    "银行卡号",
    "bank card number",
    re.compile(
        f"{NOT_IN_NUMBER}(?:[0-9]{{16,19}}|[0-9]{{4}}(?P<gap>{_SEP})[0-9]{{4}}(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}}(?:(?P=gap)?[0-9]{{1,3}})?"
        f"|[0-9]{{6}}{_SEP}[0-9]{{10,13}})(?![0-9])"
    ),
    _accept,
)
