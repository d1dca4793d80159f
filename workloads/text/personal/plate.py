"""Number plates: a province, a letter, five characters; six for cars of new energy; police, training, consulate and others."""

import re

from workloads.text.personal.around import in_web_address
from workloads.text.personal.kind import Kind

_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_LETTER = "A-HJ-NP-Z"
_DOT = "[·•・. \\-]?"
_SERIAL = (
    f"(?:[DF][{_LETTER}0-9][0-9]{{4}}|[0-9]{{5}}[DF]"  # new energy, GA 36-2018
    f"|[{_LETTER}0-9]{{5}}|[{_LETTER}0-9]{{4}}[挂学警港澳领])"
)


def _accept(text: str, found: re.Match[str]) -> bool:
    """At least three digits, as plates have."""
    serial = found["serial"]
    return sum(character.isdigit() for character in serial) >= 3 and not in_web_address(text, found.start())


PLATE = Kind(
    "plate",
    "车牌号",
    "number plate of a vehicle",
    re.compile(f"[{_PROVINCE}](?:[{_LETTER}]{_DOT}|·[{_LETTER}]|[ ][{_LETTER}]·)(?P<serial>{_SERIAL})(?![0-9A-Za-z]|[.][0-9])"),
    _accept,
    gate=re.compile(f"[{_PROVINCE}](?:·|[ ]?[{_LETTER}])"),
)
