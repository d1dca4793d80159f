"""Accounts of messengers, told by the words before them: QQ numbers and WeChat ids."""

import re

from workloads.text.personal.around import has_unit, in_web_address
from workloads.text.personal.kind import Kind

_CORRECTED = r"(?:[Ii][Dd])?[^0-9A-Za-z\n。；;]{0,10}?(?:应该|应当|就|改)?(?:是|为|成)[ ]?"  # 微信填错了，应该是…
_JOIN = r"(?:号码?|帐号|账号|群号?|ID(?![A-Z])|(?:id|Id)(?![0-9A-Za-z])|也?是|为|加|联系|同号|咨询|及|和|[/、&|]|[Qq]{2}(?![0-9A-Za-z])|微信|[:：=]|[ ])"
_QQ = r"(?:(?<![A-Za-z])[Qq]{2}|扣扣|[加+][Qq](?![A-Za-z])|(?<![A-Za-z])[Qq](?=[号群：])|企鹅号?(?=[:：]))"
_WECHAT = r"(?:微[ ]?信|[薇威]信|徽信|[Ww]e[Cc]hat|(?<![A-Za-z])(?:[Vv][Xx]|[Ww][Xx])(?![A-Za-z.])|加[Vv](?![A-Za-z])|[Vv]信|微我|薇[^0-9A-Za-z\n一-鿿]{0,3}(?=[：: ])|(?<![A-Za-z])[Vv](?=：))"
_GATE = re.compile("[QqVvWw微薇威徽扣加企](?:[Qq群号Xx信扣我：鹅]|(?<=薇)[^一-鿿]|e[Cc]hat|[ ]信|(?<=加)[Vv])")
_STRONG = re.compile(r"(?:号码?|[Ii][Dd]|帐号|账号)[ ]?(?:也?是|为)?[ ]?[:：=]?[ ]?$|[:：][ ]?$")
_CROWD = re.compile("用户|人数|在线|超过|突破|版本|音乐|空间|游戏|会员")
_APPLICATION = re.compile(r"wx[0-9a-f]{16}$")
_NO_ID = re.compile(
    r"(?i)^(?:wechat|weixin|android|iphone|windows|appid|openid|unionid|https?|pay|jsapi|native|macos|ios|token|secret)(?![A-Za-z])"
)


def _accept_wechat(text: str, found: re.Match[str]) -> bool:
    """An id of letters alone needs a label that ends like one (号, ID, a colon); a plain word after 微信 is a word."""
    account = found["it"]
    if _APPLICATION.match(account) or _NO_ID.match(account) or in_web_address(text, found.start()):
        return False
    if found.group()[:2].lower() in ("wx", "vx") and not any(character.isdigit() for character in account):
        return False
    if found.start("it") - found.start() < 3 and not (account.islower() and any(character.isdigit() for character in account)):
        return False
    if any(character.isdigit() or character in "_-" for character in account):
        return True
    return bool(_STRONG.search(text, found.start(), found.start("it"))) and account.islower()


def _accept_qq(text: str, found: re.Match[str]) -> bool:
    after = text[found.end() : found.end() + 2]
    amount = has_unit(text, found.end()) or _CROWD.search(found.group())
    return not amount and not in_web_address(text, found.start()) and not (after[:1] == "-" and after[1:].isdigit())


QQ = Kind(
    "qq",
    "QQ号",
    "QQ number after a word like QQ",
    re.compile(rf"{_QQ}(?:{_CORRECTED}|{_JOIN}{{0,6}})(?P<it>[1-9][0-9]{{4,10}})(?![0-9A-Za-z_@.年月])"),
    _accept_qq,
    gate=_GATE,
    structured=False,
)

WECHAT = Kind(
    "wechat",
    "微信号",
    "WeChat id after a word like 微信",
    re.compile(
        rf"{_WECHAT}(?:{_CORRECTED}|{_JOIN}{{0,6}})(?P<it>wxid_[a-z0-9]{{10,24}}|[A-Za-z][A-Za-z0-9_-]{{5,19}}|[1-9][0-9]{{5,10}})(?![0-9A-Za-z_@.(（])"
    ),
    _accept_wechat,
    gate=_GATE,
    structured=False,
)
