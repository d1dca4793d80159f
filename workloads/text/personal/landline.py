"""Land lines: a mainland area code and seven or eight digits, numbers of Hong Kong, Macau and Taiwan in international form,
and bare numbers after a word like 电话. Not 400 and 800 numbers: those are firms' hotlines.
"""

import re

from workloads.text.personal.around import NOT_IN_NUMBER, SEPARATORS, digits_of, is_plain_number
from workloads.text.personal.kind import Kind

_SEP = f"[{SEPARATORS}]"
_AREA = (  # without the zero; numbering plan of the ministry of industry
    "(?:10|2[0-57-9]|3(?:1[0-9]|35|49|5[0-9]|7[0-9]|9[1-8])|4(?:1[0-9]|2[179]|3[1-9]|[5-8][0-9])|5(?:[1-7][0-9]|80|9[0-9])"
    "|6(?:3[1-5]|6[0238]|9[12])|7(?:01|[1-7][0-9]|9[0-9])|8(?:1[1-9]|2[5-7]|3[0-9]|[578][0-9]|9[0-9])"
    "|9(?:0[0-9]|1[0-9]|3[0-9]|4[13]|5[0-9]|7[0-9]|9[0-9]))"
)
_LOCAL = f"[2-8](?:[0-9]{{6,7}}|[0-9]{{2,3}}{_SEP}[0-9]{{4}})"
_EXTENSION = "(?:[ ]?(?:转|分机|[-—－]|ext[.]?[ ]?)[ ]?[0-9]{1,5}(?![0-9]))?"
_MAINLAND = f"(?:[(（]?0{_AREA}[)）]{_SEP}?|0{_AREA}{_SEP}{{1,2}}|(?:[+]|00)86{_SEP}?[(（]?0?{_AREA}[)）]?{_SEP}?)(?:{_LOCAL})"
_ABROAD = f"[+](?:852|853){_SEP}?[2-9][0-9]{{3}}{_SEP}?[0-9]{{4}}|[+]886{_SEP}?[2-9]{_SEP}?[0-9]{{3,4}}{_SEP}?[0-9]{{3,4}}"
_BARE = f"0{_AREA}[2-8][0-9]{{6,7}}|[2-8](?:[0-9]{{6,7}}|[0-9]{{3}}{_SEP}[0-9]{{4}})"
_DAY = re.compile("20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_NAMES = "(?:电话|座机|固话|传真|热线|办电|宅电|致电|拨打|Tel|TEL|tel|Fax|FAX|[Tt]elephone)"
_NEAR = re.compile(f"{_NAMES}[^0-9\n。；;]{{0,8}}$|(?:电话[^\n。；;]{{0,12}}[0-9]{{7,8}})(?:和|或者?|、|[,，/])[ ]?$")
_FURTHER = re.compile(f"{_NAMES}[^0-9\n。；;]{{0,18}}$|(?<![0-9])0[0-9]{{9,11}}(?:和|或者?|、|[,，;；/])[ ]?$")


def _accept(text: str, found: re.Match[str]) -> bool:
    """A number without separator is one near a word that says so: an area code makes it likelier, so that word may be further."""
    start, bare = found.start(), found["bare"]
    if bare and not (_FURTHER if bare.startswith("0") else _NEAR).search(text, max(0, start - 32), start):
        return False
    if bare and _DAY.fullmatch(bare):
        return False
    if not bare and len(set(digits_of(found.group()))) < 3:
        return False
    return is_plain_number(text, start, found.end())


LANDLINE = Kind(
    "landline",
    "电话",
    "land-line number",
    re.compile(f"{NOT_IN_NUMBER}(?:(?P<coded>{_MAINLAND}|{_ABROAD})|(?P<bare>{_BARE})){_EXTENSION}(?![0-9])"),
    _accept,
    before=4,
)
