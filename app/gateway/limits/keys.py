"""API keys: made, recognised, replaced, withdrawn. Only a salted hash of a key is ever kept.

A key's secret is 256 random bits, so there is nothing to guess and the hash may be fast: HMAC-SHA256 under a salt of its own,
a few microseconds per request. A slow hash protects what people think up, and would cost every request its milliseconds.
Not for where keys are kept (keystore.py).
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator

from cluster.config import Spec
from cluster.errors import ApiKeyError

Scope = Literal["generate", "models", "batches", "feedback"]
SCOPES: tuple[Scope, ...] = ("generate", "models", "batches", "feedback")
_PREFIX = "hk"
_TENANT = re.compile(r"[\w@-][\w@. -]{0,63}")
_TAKEN = frozenset({"anyone", "feedback", "open"})
"""Folders beside those of tenants, where files, batches and feedback are kept."""
TENANTS = "1 to 64 letters, digits and _ - @ . or spaces, not " + ", ".join(sorted(_TAKEN))


def is_tenant(name: str) -> bool:
    """Whether a tenant may be called so: its name is that of a folder of its own."""
    return _TENANT.fullmatch(name) is not None and name not in _TAKEN


class Secret(Spec):
    """One secret of a key; two while it is being replaced."""

    salt: str
    digest: str
    expires: datetime | None = None

    def matches(self, presented: str, now: datetime) -> bool:
        return hmac.compare_digest(self.digest, _digest(self.salt, presented)) and not _past(self.expires, now)


class ApiKey(Spec):
    """What is kept of a key."""

    id: str
    tenant: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    secrets: tuple[Secret, ...] = Field(repr=False)

    @field_validator("tenant")
    @classmethod
    def _one_folder(cls, value: str) -> str:
        if not is_tenant(value):
            raise ValueError(f"a tenant's name is {TENANTS}")
        return value

    def state(self, now: datetime) -> str:
        """`good`, `expired` or `revoked`."""
        return "revoked" if self.revoked else "expired" if _past(self.expires, now) else "good"

    def rotated(self, now: datetime, grace: timedelta) -> tuple["ApiKey", str]:
        """The key with a new secret, and what to show of it once; the old one is good for `grace` more."""
        fresh, shown = _new_secret(self.id)
        old = tuple(each.model_copy(update={"expires": _sooner(each.expires, now + grace)}) for each in self.secrets)
        kept = tuple(each for each in old if not _past(each.expires, now))
        return self.model_copy(update={"secrets": (fresh, *kept)}), shown


@dataclass(frozen=True)
class KeyRing:
    """All keys, by id."""

    keys: dict[str, ApiKey]

    def check(self, presented: str, now: datetime) -> ApiKey:
        """The key that was presented. Raises ApiKeyError where it is none of ours, expired or revoked, never saying which
        part of an unknown one is wrong."""
        prefix, _, rest = presented.partition("-")
        key_id, _, secret = rest.partition("-")
        key = self.keys.get(key_id)
        if prefix != _PREFIX or key is None or not any(each.matches(secret, now) for each in key.secrets):
            raise ApiKeyError("the API key is not known here", "", "check it, or ask for a new one")
        if (state := key.state(now)) != "good":
            raise ApiKeyError(f"the API key {key.id} is {state}", "", "ask for a new one")
        return key


def new_key(tenant: str, scopes: tuple[Scope, ...], now: datetime, expires: datetime | None) -> tuple[ApiKey, str]:
    """A key, and what to give to who shall use it: it cannot be shown a second time."""
    key_id = secrets.token_hex(6)
    secret, shown = _new_secret(key_id)
    return ApiKey(id=key_id, tenant=tenant, scopes=scopes, created=now, expires=expires, secrets=(secret,)), shown


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _new_secret(key_id: str) -> tuple[Secret, str]:
    secret, salt = secrets.token_urlsafe(32), secrets.token_hex(16)
    return Secret(salt=salt, digest=_digest(salt, secret)), f"{_PREFIX}-{key_id}-{secret}"


def _digest(salt: str, secret: str) -> str:
    return hmac.digest(salt.encode(), secret.encode(), hashlib.sha256).hex()


def _past(when: datetime | None, now: datetime) -> bool:
    return when is not None and when <= now


def _sooner(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
