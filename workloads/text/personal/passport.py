"""Passports, and the permits for Hong Kong, Macau and Taiwan: a letter or two and digits, beside a word that says so.

The form alone is that of countless product codes. In a table one number vouches for the next.
"""

import re

from workloads.text.personal.around import stands_alone
from workloads.text.personal.kind import Kind

_NAMES = "护照|通行证|回乡证|台胞证|旅行证|证件|签证|[Pp]assport|PASSPORT"
_NUMBER = (
    "(?:[EG][0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|[DSP]E?[0-9]{7,8}|14[0-9]{7}|15[0-9]{7}"  # passports, old forms included
    "|[CW][0-9]{8}|C[A-HJ-NP-Z][0-9]{7}|[LT][0-9]{8}|[HM][0-9]{8}(?:[0-9]{2})?)"  # permits
)
_NAMED = re.compile(f"(?:{_NAMES})(?:[^。；;]{{0,60}}?(?<![0-9A-Za-z]){_NUMBER})*[^。；;0-9]{{0,40}}$")
_REACH = 240


def _accept(text: str, found: re.Match[str]) -> bool:
    start = found.start()
    return bool(_NAMED.search(text, max(0, start - _REACH), start)) and stands_alone(text, start, found.end())


PASSPORT = Kind(
    "passport",
    "护照号",
    "passport, or permit for Hong Kong, Macau or Taiwan, near a word like 护照",
    re.compile(f"(?<![0-9A-Za-z]){_NUMBER}(?![0-9A-Za-z])"),
    _accept,
    before=2,
    structured=False,
)
