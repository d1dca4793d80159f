"""Postal addresses down to the house. An option: places in news and statutes look alike."""

import re

from workloads.text.personal.kind import Kind
from workloads.text.script import HAN

_NUMBER = "[0-9零一二三四五六七八九十百甲乙丙丁A-Za-z\\-]{1,8}"
_PLACE = f"(?:[{HAN}]{{2,7}}?(?:省|自治区|市|区|县|旗|镇|乡|街道|新村|开发区)){{1,5}}"
_STREET = f"[{HAN}0-9]{{1,12}}?(?:大道|[路街道巷弄里坊村屯])"
_HOUSE = f"(?:{_NUMBER}(?:号院?|弄|巷)){{1,2}}"
_INSIDE = f"(?:[{HAN}]{{0,10}}?{_NUMBER}(?:号楼|栋|幢|座|单元|层|楼|室|户|号)){{0,4}}"

ADDRESS = Kind(
    "address",
    "地址",
    "postal address down to the house",
    re.compile(f"{_PLACE}{_STREET}{_HOUSE}{_INSIDE}"),
    gate=re.compile("[号弄]"),
    structured=False,
    default=False,
)
