"""What stands around a number, and what it tells: a label, a unit, an address of the web, the rest of a longer code.

`re` knows no word boundary between a Han character and a digit, so the edges of a number are looked at here.
"""

import re

SEPARATORS = " .\\-\u2010\u2011\u2012\u2013\u00b7\uff0d\uff0e\u3000"
"""Inside of a class: what stands between the groups of a number (space, dot, hyphens, their full-width forms)."""

NOT_IN_NUMBER = "(?<![0-9])(?<![0-9][.])"
"""Ahead of a number: neither a digit nor a decimal point."""

_REACH = 24  # characters to look back for a label
_OTHER_LABEL = re.compile(
    r"(?:订单|单号|编号|流水|序列|货号|条形?码|运单|快递|物流|批号|工单|案号|文号|许可证|备案|准字|型号|版本|资产|学号|工号|期刊"
    r"|商品|产品|会话|请求|追踪|任务|事务|主键|标识|校验|哈希|时间戳|销量|产量|人口|金额|数量|余额|总数|随机数?|内存|显存|字节"
    r"|ISBN|ISSN|DOI|ICP|SKU|IMEI|MEID|ASIN|PMID|UUID|GUID|MD5|SHA\d*|\bS/?N|\b[Nn][Oo][.:]|№|timestamp|memory|bytes|snapshot|size|offset|trace"
    r"|(?:order|item|product|user|object|session|request|_|\b)id)"
    r"[^0-9\n。；，,;]{0,8}$",
    re.IGNORECASE,
)
_OWN_LABEL = re.compile(
    r"(?:手机|电话|座机|联系|致电|拨|来电|号码|短信|微信|[Tt][Ee][Ll]|[Pp]hone|[Mm]ob|卡|账号|帐号|账户|户)[^0-9\n。；]{0,10}$"
)
_LABEL_BESIDE = re.compile(r"(?:手机号?码?|电话号?码?|座机|卡号|联系方式|[Tt][Ee][Ll]|[Pp]hone)[ ]?(?:是|为|[:：])?[ ]?$")
_MONEY = re.compile(r"[¥￥$€£][ ]?$")
_UNIT = re.compile(
    r"[ ]?(?:[元万亿个次人件条行吨米秒年倍]|千克|公里|毫秒|微秒|纳秒|字节|字符|美元|赫兹|比特|[%％‰]|bytes?|[KMGTPkmgtp]i?[Bb]|[mµun]s\b|[MG]?[Hh]z)"
)
_IN_ADDRESS = re.compile(r"(?:://|www\.|\.(?:com|cn|net|org)/)[!-~]*$")
_WORD_BEFORE_NUMBER = re.compile(r"(?:tel|phone|mobile|mob|call|fax|cell|whatsapp|wechat|vx|qq|sms)[.]?$", re.IGNORECASE)
_WORD_AFTER_NUMBER = re.compile(r"(?:qq|vx|wx|wechat|email|mail|tel|ext|fax)", re.IGNORECASE)


def _is_code(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def stands_alone(text: str, start: int, stop: int) -> bool:
    """Whether the number is whole: no letter, digit, or hyphen or dot with a digit, is written onto it."""
    if start and _is_code(text[start - 1]) and not _WORD_BEFORE_NUMBER.search(text, max(0, start - 9), start):
        return False
    if start > 1 and text[start - 1] in ".-/:" and text[start - 2].isdigit() and text[start - 1] != "/":
        return False
    if stop < len(text) and _is_code(text[stop]) and not _WORD_AFTER_NUMBER.match(text, stop):
        return False
    if text[stop : stop + 1] in ("*", "＊", "…"):
        return False
    return not (stop + 1 < len(text) and text[stop] in ".-_" and _is_code(text[stop + 1]))


def in_web_address(text: str, start: int) -> bool:
    """Whether what begins here is part of a URL."""
    return bool(_IN_ADDRESS.search(text, max(0, start - 160), start))


def is_labelled_otherwise(text: str, start: int) -> bool:
    """Whether the words before say that this is an order, serial or version number, or an amount."""
    begin = max(0, start - _REACH)
    if _MONEY.search(text, begin, start):
        return True
    return bool(_OTHER_LABEL.search(text, begin, start)) and not _OWN_LABEL.search(text, begin, start)


def has_unit(text: str, stop: int) -> bool:
    """Whether a unit follows, so that the number is an amount."""
    return bool(_UNIT.match(text, stop))


def is_plain_number(text: str, start: int, stop: int) -> bool:
    """Whether nothing around speaks against a personal number."""
    return (
        stands_alone(text, start, stop)
        and not (has_unit(text, stop) and not _LABEL_BESIDE.search(text, max(0, start - 10), start))
        and not is_labelled_otherwise(text, start)
        and not in_web_address(text, start)
    )


def digits_of(number: str) -> str:
    """The digits alone."""
    return "".join(character for character in number if character.isdigit())
