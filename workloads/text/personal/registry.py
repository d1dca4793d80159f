"""All kinds of personal data. Where two claim the same characters, the one that stands first here has them."""

from collections.abc import Iterable

from workloads.text.personal.account import QQ, WECHAT
from workloads.text.personal.address import ADDRESS
from workloads.text.personal.bank import BANK_CARD
from workloads.text.personal.identity import ID_CARD, ID_CARD_15
from workloads.text.personal.kind import Kind
from workloads.text.personal.landline import LANDLINE
from workloads.text.personal.mail import EMAIL
from workloads.text.personal.mobile import MOBILE
from workloads.text.personal.network import IP, IPV6
from workloads.text.personal.organisation import CREDIT_CODE
from workloads.text.personal.passport import PASSPORT
from workloads.text.personal.plate import PLATE

KINDS: tuple[Kind, ...] = (
    EMAIL,
    ID_CARD,
    CREDIT_CODE,
    BANK_CARD,
    ID_CARD_15,
    MOBILE,
    LANDLINE,
    IP,
    IPV6,
    PLATE,
    PASSPORT,
    QQ,
    WECHAT,
    ADDRESS,
)
KIND_NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)
DEFAULT_KINDS: tuple[str, ...] = tuple(kind.name for kind in KINDS if kind.default)


def kinds_named(names: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds with these names, in the registry's order."""
    wanted = set(names)
    return tuple(kind for kind in KINDS if kind.name in wanted)


USUAL: tuple[Kind, ...] = kinds_named(DEFAULT_KINDS)
"""What is looked for unless the recipe says otherwise."""
