"""True items of every kind, in the ways people write them. All are drawn: none was ever copied from a person."""

import random
import string
from collections.abc import Callable
from datetime import date, timedelta

from workloads.text.personal.bank import passes_luhn
from workloads.text.personal.identity import is_id_card
from workloads.text.personal.organisation import is_credit_code

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SEGMENTS = [
    "130",
    "131",
    "132",
    "133",
    "135",
    "136",
    "137",
    "138",
    "139",
    "145",
    "147",
    "149",
    "150",
    "151",
    "152",
    "153",
    "155",
    "156",
    "157",
    "158",
    "159",
    "162",
    "165",
    "166",
    "167",
    "170",
    "171",
    "172",
    "173",
    "175",
    "176",
    "177",
    "178",
    "180",
    "181",
    "182",
    "183",
    "184",
    "185",
    "186",
    "187",
    "188",
    "189",
    "190",
    "191",
    "193",
    "195",
    "196",
    "197",
    "198",
    "199",
]
_AREAS = [
    "010",
    "020",
    "021",
    "022",
    "023",
    "024",
    "025",
    "027",
    "028",
    "029",
    "0311",
    "0351",
    "0371",
    "0431",
    "0451",
    "0471",
    "0512",
    "0531",
    "0551",
    "0571",
    "0591",
    "0731",
    "0755",
    "0769",
    "0771",
    "0791",
    "0851",
    "0871",
    "0891",
    "0898",
    "0931",
    "0951",
    "0971",
    "0991",
]
_REGIONS = [
    "110105",
    "120101",
    "130102",
    "310115",
    "320106",
    "330106",
    "340104",
    "350203",
    "370102",
    "410105",
    "420106",
    "430104",
    "440305",
    "450103",
    "500112",
    "510107",
    "530102",
    "610113",
    "620102",
    "650104",
]
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(count))


def _maybe_wide(rng: random.Random, item: str) -> str:
    return item.translate(_WIDE) if rng.random() < 0.08 else item


def mobile(rng: random.Random) -> str:
    a, b, c = rng.choice(_SEGMENTS), _digits(rng, 4), _digits(rng, 3) + rng.choice("123456789")
    b = b if len(set(b + c)) > 2 else "2468"
    sep = rng.choice(["", "", "", "-", " ", ".", "－", "–"])
    country = rng.choice(["", "", "", "", "+86", "+86 ", "+86-", "0086", "86-", "(+86)", "（+86）"])
    return _maybe_wide(rng, f"{country}{a}{sep}{b}{sep}{c}")


def landline(rng: random.Random) -> str:
    area, local = rng.choice(_AREAS), rng.choice("2345678") + _digits(rng, 5) + "39"[rng.randrange(2)]
    local += _digits(rng, 1) if area[1] in "12" or rng.random() < 0.6 else ""
    form = rng.randrange(6)
    whole = (
        f"{area}-{local}",
        f"({area}){local}",
        f"（{area}）{local}",
        f"+86-{area[1:]}-{local}",
        f"{area} {local}",
        f"{area}－{local}",
    )[form]
    extension = rng.choice(["", "", "", f"转{rng.randrange(100, 9999)}", f"-{rng.randrange(100, 9999)}"])
    return _maybe_wide(rng, whole + extension)


def id_card(rng: random.Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=rng.randrange(28_000))
    body = f"{rng.choice(_REGIONS)}{born:%Y%m%d}{_digits(rng, 3)}"
    number = next(body + check for check in "0123456789X" if is_id_card(body + check))
    number = number.lower() if rng.random() < 0.2 else number
    sep = rng.choice(["", "", "", "", " ", "-"])
    return _maybe_wide(rng, f"{number[:6]}{sep}{number[6:14]}{sep}{number[14:]}")


def bank_card(rng: random.Random) -> str:
    length = rng.choice([16, 19, 19, 18, 17])
    body = "62" + _digits(rng, length - 3)
    number = next(body + check for check in string.digits if passes_luhn(body + check))
    sep = rng.choice(["", "", "", " ", "-"])
    groups = [number[at : at + 4] for at in range(0, length, 4)]
    return _maybe_wide(rng, sep.join(groups))


def credit_code(rng: random.Random) -> str:
    head = rng.choice(["91", "91", "91", "92", "93", "11", "12", "51", "52", "53"])
    body = (
        head
        + rng.choice(_REGIONS)
        + rng.choice(["MA", "MA", "00", "72", "56"])
        + "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(7))
    )
    return next(body + check for check in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_credit_code(body + check))


def plate(rng: random.Random) -> str:
    place = rng.choice("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼") + rng.choice(_LETTERS)
    dot = rng.choice(["", "", "·", " ", "-"])
    number = _digits(rng, 5)
    serial = rng.choice([number, rng.choice(_LETTERS) + number[1:], number[:2] + rng.choice(_LETTERS) + number[3:], number[:3] + rng.choice(_LETTERS) + rng.choice(_LETTERS),
                         rng.choice("DF") + number, number + rng.choice("DF"), "D" + rng.choice(_LETTERS) + number[:4], number[:4] + rng.choice("学警挂港澳")])  # fmt: skip
    return place + dot + serial


def passport(rng: random.Random) -> str:
    return rng.choice([f"E{_digits(rng, 8)}", f"G{_digits(rng, 8)}", f"E{rng.choice(_LETTERS)}{_digits(rng, 7)}", f"C{_digits(rng, 8)}", f"W{_digits(rng, 8)}",
                       f"H{_digits(rng, 8)}", f"M{_digits(rng, 8)}", f"H{_digits(rng, 10)}", f"L{_digits(rng, 8)}", f"C{rng.choice(_LETTERS)}{_digits(rng, 7)}"])  # fmt: skip


def email(rng: random.Random) -> str:
    name = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randrange(2, 9)))
    user = rng.choice(
        [
            name,
            f"{name}{_digits(rng, 3)}",
            f"{name}.{name[::-1]}",
            f"{name}_{_digits(rng, 2)}",
            rng.choice(_SEGMENTS) + _digits(rng, 8),
            f"{name}-{name}",
            f"{name}+x",
        ]
    )
    domain = rng.choice(
        [
            "qq.com",
            "163.com",
            "126.com",
            "gmail.com",
            "sina.com.cn",
            "foxmail.com",
            "mail.tsinghua.edu.cn",
            "outlook.com",
            f"{name}.com.cn",
            f"{name}.net",
            f"{name}.tech",
        ]
    )
    at = "＠" if rng.random() < 0.05 else "@"
    return f"{user}{at}{domain}"


def ip(rng: random.Random) -> str:
    return f"{rng.choice([36, 39, 42, 58, 60, 61, 101, 106, 110, 112, 113, 114, 117, 119, 121, 122, 123, 124, 140, 180, 183, 202, 210, 211, 218, 219, 220, 221, 222, 223])}.{rng.randrange(1, 255)}.{rng.randrange(1, 255)}.{rng.randrange(1, 255)}"


def ipv6(rng: random.Random) -> str:
    head = rng.choice(["2408:8207", "2409:8a00", "240e:3a1", "240e:b6c", "2001:da8"])
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(6)]
    return f"{head}:{':'.join(groups)}" if rng.random() < 0.6 else f"{head}:{groups[0]}::{groups[1]}"


def qq(rng: random.Random) -> str:
    return rng.choice("123456789") + _digits(rng, rng.randrange(5, 10))


def wechat(rng: random.Random) -> str:
    name = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randrange(4, 9)))
    return rng.choice(
        [
            f"{name}_{_digits(rng, 3)}",
            f"{name}{_digits(rng, 4)}",
            f"wxid_{(name + _digits(rng, 2) + name + name + name)[:14]}",
            f"{name}-{_digits(rng, 2)}",
        ]
    )


ITEMS: dict[str, Callable[[random.Random], str]] = {
    "mobile": mobile,
    "landline": landline,
    "id_card": id_card,
    "bank_card": bank_card,
    "credit_code": credit_code,
    "plate": plate,
    "passport": passport,
    "email": email,
    "ip": ip,
    "ipv6": ipv6,
    "qq": qq,
    "wechat": wechat,
}
