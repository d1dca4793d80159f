"""Mobile numbers of the mainland: eleven digits that begin with a segment in use."""

import re

from workloads.text.personal.around import NOT_IN_NUMBER, SEPARATORS, digits_of, is_plain_number
from workloads.text.personal.kind import Kind

_SEP = f"[{SEPARATORS}]"
_SEGMENT = "1(?:3[0-9]|4[5-9]|5[0-35-9]|6[25-7]|7[0-8]|8[0-9]|9[0-35-9])"
# The segments that carriers and resellers use (numbering plan of the ministry of industry, 2024); 14x below 145 are things.
_GROUPS = (
    f"(?:[0-9]{{8}}|{_SEP}{{1,2}}[0-9]{{4}}{_SEP}{{1,2}}[0-9]{{4}}|{_SEP}[0-9]{{8}}"
    f"|[0-9]{_SEP}[0-9]{{3}}{_SEP}[0-9]{{4}}|{_SEP}[0-9]{{3}}{_SEP}[0-9]{{5}})"
)
_COUNTRY = f"(?:[(（]?(?:[+]|00)?86[)）]?{_SEP}{{0,2}})?"
_DECIMALS = re.compile(r"[0-9]{3}[.][0-9]{8}$")


def _accept(text: str, found: re.Match[str]) -> bool:
    number = digits_of(found["number"])
    if len(set(number[3:])) == 1 or _DECIMALS.match(found["number"]):  # 13800000000 is an example or an amount
        return False
    return is_plain_number(text, found.start(), found.end())


MOBILE = Kind(
    "mobile",
    "手机号",
    "mobile number",
    re.compile(f"{NOT_IN_NUMBER}{_COUNTRY}(?P<number>{_SEGMENT}{_GROUPS})(?![0-9])"),
    _accept,
    before=4,
)
