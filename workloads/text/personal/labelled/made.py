"""Sentences made from patterns: forms, chats, customer service, news, tables, logs; with and without personal data.

Deterministic: the seed decides all. Half of them hold nothing personal but numbers that look like it.
"""

import random
from collections.abc import Iterator

from workloads.text.personal.bank import passes_luhn
from workloads.text.personal.identity import is_id_card
from workloads.text.personal.labelled.items import ITEMS, id_card
from workloads.text.personal.labelled.marks import marked

_SURNAMES, _GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "伟芳娜敏静磊洋艳勇军杰娟涛明超兰霞平刚桂"
_NAMES = {
    "mobile": ["手机", "手机号", "联系电话", "电话", "联系方式", "移动电话"],
    "landline": ["电话", "座机", "固话", "传真", "办公电话"],
    "id_card": ["身份证", "身份证号", "证件号码", "公民身份号码"],
    "bank_card": ["银行卡", "卡号", "银行卡号", "收款账号", "工资卡"],
    "credit_code": ["统一社会信用代码", "信用代码", "税号", "纳税人识别号"],
    "plate": ["车牌", "车牌号", "车号", "号牌号码"],
    "passport": ["护照", "护照号码", "护照号", "通行证号码"],
    "email": ["邮箱", "电子邮箱", "E-mail", "邮件地址"],
    "ip": ["IP", "IP地址", "登录IP", "来源地址"],
    "ipv6": ["IPv6地址", "地址"],
    "qq": ["QQ", "QQ号", "QQ号码", "扣扣", "qq"],
    "wechat": ["微信", "微信号", "微信ID", "VX", "WeChat"],
}
_WITH_LABEL = [
    "姓名：{name}，{label}：{item}，请核对。",
    "{label}: {item}",
    "{label}：{item}",
    "我的{label}是{item}，麻烦尽快处理，谢谢！",
    "客服您好，{label}填错了，应该是{item}。",
    "{name}（{label}：{item}）于昨日到场。",
    "您登记的{label}为{item}，确认无误请回复1。",
    "【通知】{name}同学，{label}{item}已登记成功。",
    "| {name} | {label} | {item} | 已核 |",
    "一、申请人{name}，{label}：{item}；二、其他事项见附件。",
]
_BARE = ["{name}，{item}，下午三点前到", "有事找{name}{item}。", "{item}（{name}）", "{name}\t{item}\t在职", "请记一下：{item}，别弄丢了",
         "{name},{item},2023-05-06", "“{item}”是他留下的。", "麻烦改成{item}", "《{name}》材料里写着{item}，以此为准。"]  # fmt: skip
_BARE_KINDS = ("mobile", "landline", "id_card", "bank_card", "credit_code", "plate", "email", "ip", "ipv6")


def sentences(count: int, seed: int = 0) -> Iterator[str]:
    """Marked sentences, one half with personal data, one half with what only looks like it."""
    rng = random.Random(seed)
    kinds = sorted(ITEMS)
    for number in range(count):
        yield _true(rng, kinds[number // 2 % len(kinds)]) if number % 2 else _false(rng)


def _true(rng: random.Random, kind: str) -> str:
    patterns = _WITH_LABEL + (_BARE if kind in _BARE_KINDS else [])
    name = rng.choice(_SURNAMES) + rng.choice(_GIVEN) + rng.choice(["", rng.choice(_GIVEN)])
    label = rng.choice(_NAMES[kind])
    pattern = rng.choice(patterns)
    if label.isascii():
        pattern = pattern.replace("{label}{item}", "{label} {item}")
    return pattern.format(name=name, label=label, item=marked(kind, ITEMS[kind](rng)))


def _false(rng: random.Random) -> str:
    """A number of another sort, in its own surroundings."""
    pattern = rng.choice(_HARMLESS)
    return pattern.format(
        d4=_number(rng, 4), d5=_number(rng, 5), d6=_number(rng, 6), d8=_number(rng, 8), d9=_number(rng, 9), d10=_number(rng, 10), d13="1" + _number(rng, 12),
        d14=_number(rng, 14), d20=_number(rng, 20), m11="1" + rng.choice("3578") + _number(rng, 9), year=rng.randrange(1949, 2025), month=rng.randrange(1, 13),
        day=rng.randrange(1, 29), hex=f"{rng.getrandbits(128):032x}", long_hex=f"{rng.getrandbits(160):040x}", bad_id=_broken_id(rng), bad_card=_broken_card(rng),
        v=".".join(str(rng.randrange(0, 30)) for _ in range(4)), private=f"192.168.{rng.randrange(256)}.{rng.randrange(1, 255)}", case=rng.randrange(1, 9999),
        letter=rng.choice("ABCDEFGHJ"), small=rng.randrange(1, 99),
    )  # fmt: skip


def _number(rng: random.Random, digits: int) -> str:
    return str(rng.randrange(10 ** (digits - 1), 10**digits))


def _broken_id(rng: random.Random) -> str:
    number = "".join(c for c in id_card(random.Random(rng.random())) if c.isascii() and c.isdigit())[:17].ljust(17, "1")
    return next(number + check for check in "31740" if not is_id_card(number + check))


def _broken_card(rng: random.Random) -> str:
    body = "62" + _number(rng, 16)
    return next(body + check for check in "05" if not passes_luhn(body + check))


_HARMLESS = [
    "您的订单号{m11}已发货，请注意查收。",
    "运单编号：{d14}，预计{month}月{day}日送达。",
    "流水号 {year}{d14} 的交易已完成，金额{d5}.00元。",
    "ISBN 978-7-{d4}-{d4}-{small}，{year}年第{small}次印刷。",
    "时间戳{d13}对应的是北京时间上午。",
    "该文件大小为{m11}字节，校验值{hex}。",
    "提交 {long_hex} 修复了这个问题。",
    "依照《中华人民共和国民法典》第{case}条、第{d4}条之规定，判决如下。",
    "（{year}）京0105民初{d5}号民事判决书已经生效。",
    "银保监许可证编号：{bad_id}不是有效号码。",
    "请将编号{bad_id}抄写在表格右上角。",
    "条形码{d13}，货号{letter}{d8}。",
    "序列号SN{m11}的设备需要返修。",
    "版本 {v} 修复了若干问题，请尽快升级。",
    "升级到v{v}以后就好了。",
    "网关地址是{private}，子网掩码255.255.255.0。",
    "圆周率约等于3.{d14}，自然常数约2.{d10}。",
    "光速为299792458米/秒，普朗克常数6.62607015e-34。",
    "共计人民币¥{m11}元整。",
    "资产总额{m11}元，负债{d10}元。",
    "{year}-{month:02d}-{day:02d} 08:30:15 INFO task={d10} done",
    "x = {d13} + {m11}L; // 代码里的常量",
    "https://www.example.com/item/{m11}?id={d14}",
    "见GB/T {d5}-{year}标准第{small}.{small}.1条。",
    "DOI: 10.{d4}/j.cnki.{year}.{d4}.{d5}",
    "坐标（{small}.{d6}, 1{small}.{d6}）附近。",
    "生产批号{year}{d4}，有效期至{year}年{month}月。",
    "邮编{d6}，区号不详。",
    "比分是{small}-{small}，观众{d5}人。",
    "UUID为{d8}-{d4}-4{small}a-{d4}-{d10}ab。",
    "备案号：沪ICP备{d8}号-{small}",
    "型号{letter}{d8}的零件缺货。",
    "QQ音乐{year}年度榜单公布，微信Android版更新到8.0.{small}。",
    "微信支付接口返回码{d4}，QQ空间功能调整。",
    "抖音号和微博账号同时更新，粉丝达到{d6}人。",
    "第{small}届运动会参赛编号{d10}。",
    "统计显示，{year}年至{year}年增长{small}.{d4}%。",
    "卡号尾号{d4}的账户支出{d5}.{small}元。",
    "磁盘容量{d13} bytes，内存{d10} KB。",
    "电话会议定于{year}年{month}月{day}日{small}时召开。",
    "京A级景区名单共{small}个，沪B股指数收于{d4}.{small}点。",
    "icon@2x.png 与 banner@3x.jpg 需要替换。",
    "npm install vue@3.{small}.1 后重启。",
    "@所有人 今天{small}点开会。",
    "主键id={m11}的记录不存在。",
    "收款账号错误：{bad_card}校验不通过。",
    "MAC地址 00:1a:2b:3c:4d:{small:02d}，时间12:30:45。",
    "std::vector<int>::iterator it; namespace a::b::c;",
    "彩票开奖号码{small:02d} 12 08 31 26 05。",
    "车次G{d4}、K{small}停运，航班CA{d4}延误。",
]
