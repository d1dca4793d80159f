"""IP addresses that can lead to a person: public ones. Private, loopback, documentation and multicast ranges, whole networks
and resolvers that everybody uses name nobody; versions and section numbers only look alike.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from workloads.text.personal.kind import Kind

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "114.114.114.114", "114.114.115.115", "223.5.5.5",
                        "223.6.6.6", "119.29.29.29", "180.76.76.76", "208.67.222.222", "208.67.220.220"})  # fmt: skip
_VERSION = re.compile(
    r"(?:版本?|version|ver[.]?|build|release|驱动|内核|固件|升级[到至]?|更新[到至]?|SDK|Chrome|Firefox|Safari|Edge|[=~<>^]=?|\bv|/"
    r"|章|节|条款?|第|附录|图|表|OID)[\"'（(:： ]{0,3}$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[ ]?(?:版|或更高|及更高|以上版|以及更高|节|章|条|或以上)|/(?:[0-9]|[12][0-9]|3[01])(?![0-9])")
_SMALL = 30  # four numbers below this are a version or a section


def _is_example(octets: list[int]) -> bool:
    """33.33.33.33, 1.2.3.4, 11.22.33.44 and the like; and object identifiers of X.500."""
    steps = {right - left for left, right in pairwise(octets)}
    return len(set(octets)) == 1 or (len(steps) == 1 and steps <= {1, 11, 22}) or octets[:2] == [2, 5]


def _accept4(text: str, found: re.Match[str]) -> bool:
    address = found.group()
    octets = [int(octet) for octet in address.split(".")]
    if (
        max(octets) < _SMALL
        or _is_example(octets)
        or octets[-1] == 0
        or octets[1:] == [0, 0, octets[3]]
        or address in _RESOLVERS
    ):
        return False
    if not IPv4Address(address).is_global or octets[0] >= 224:
        return False
    return not _VERSION.search(text, max(0, found.start() - 12), found.start()) and not _AFTER.match(text, found.end())


def _accept6(text: str, found: re.Match[str]) -> bool:
    try:
        address = IPv6Address(found.group())
    except ValueError:
        return False
    return (
        address.is_global
        and not _AFTER.match(text, found.end())
        and not re.match("/[0-9]", text[found.end() : found.end() + 2])
    )


IP = Kind(
    "ip",
    "IP地址",
    "public IPv4 address",
    re.compile(
        rf"(?:(?<![0-9A-Za-z_.])(?<![0-9A-Za-z_]-)|(?<=[Ii][Pp]))(?:{_OCTET}[.]){{3}}{_OCTET}(?![0-9A-Za-z_]|[.\-][0-9A-Za-z])"
    ),
    _accept4,
)

IPV6 = Kind(
    "ipv6",
    "IP地址",
    "public IPv6 address",
    re.compile(r"(?<![0-9A-Za-z_.:])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{1,4}:|:){1,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z_:])"),
    _accept6,
    gate=re.compile(":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]"),
)
