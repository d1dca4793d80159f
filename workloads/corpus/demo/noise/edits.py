"""Noise inside a good document: lines that belong to a web page, and personal data."""

import random
from datetime import date, timedelta

from workloads.corpus.demo.noise.base import Edit

_LINES = (
    "首页 > 乡村 > 正文", "首页 | 新闻 | 村志 | 关于我们", "点击展开更多", "【点击展开全文】", "分享到：微信 微博 朋友圈",
    "版权所有 © 青石镇文化站 保留一切权利", "Copyright © 2024 青石镇文化站 All Rights Reserved", "上一篇：没有了", "下一篇：返回列表",
    "登录 | 注册 | 忘记密码", "返回顶部", "未经许可，不得转载。", "责任编辑：小编", "点赞 收藏 转发 评论", "扫描二维码，关注我们的公众号",
    "阅读 1024 次", "相关阅读：", "网站地图 | 联系我们 | 友情链接",
)  # fmt: skip


class BoilerplateLine(Edit):
    """One to three whole lines before, between or after the document's own."""

    kind = "boilerplate_line"
    share = 0.03

    def edit(self, text: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
        lines = text.split("\n")
        planted = tuple(rng.sample(_LINES, rng.randint(1, 3)))
        for line in planted:
            lines.insert(rng.choice((0, len(lines), rng.randint(0, len(lines)))), line)
        return "\n".join(lines), planted


class PersonalData(Edit):
    """A sentence with a mobile number, an e-mail address or an identity number, right beside Han characters."""

    kind = "personal_data"
    share = 0.015

    def edit(self, text: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
        kind = rng.randrange(3)
        value = (mobile_number, mail_address, identity_number)[kind](rng)
        sentence = rng.choice(_SENTENCES[kind]).format(value)
        return (f"{text}{sentence}" if rng.random() < 0.5 else f"{sentence}\n{text}"), (value,)


_SENTENCES = (
    ("有事请拨打{}联系。", "我的手机号是{}，随时可以找我。", "联系电话{}。"),
    ("来信请寄{}收。", "电子邮箱是{}，欢迎来信。"),
    ("登记的身份证号码是{}。", "身份证{}，请核对。"),
)


def mobile_number(rng: random.Random) -> str:
    """Eleven digits of the right form; the run of zeros shows that it is made up."""
    return f"{rng.choice(('138', '159', '186', '199'))}0000{rng.randrange(10_000):04d}"


def mail_address(rng: random.Random) -> str:
    return f"{rng.choice(('wang', 'zhang', 'chen', 'zhao', 'lin'))}{rng.randrange(1000)}@example.{rng.choice(('com', 'org', 'net'))}"


def identity_number(rng: random.Random) -> str:
    """18 digits with a valid birthday and check digit; the county 119999 does not exist."""
    born = date(1950, 1, 1) + timedelta(days=rng.randrange(20_000))
    head = f"119999{born:%Y%m%d}{rng.randrange(1000):03d}"
    return head + check_digit(head)


def check_digit(head: str) -> str:
    """The last place of an identity number, by GB 11643 (ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * (1 << (17 - place)) for place, digit in enumerate(head))
    return "0123456789X"[(12 - total % 11) % 11]
