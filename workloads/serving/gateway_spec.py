"""What a recipe may say about the gateway before the replicas: answers that are kept, who may ask, and how much.

`serving.cache` and `serving.limits`. Not for how either works: app/gateway/cache and app/gateway/limits.
"""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from cluster.config import Spec


class CacheSpec(Spec):
    """Answers to requests whose answer is certain: temperature 0, or a seed."""

    megabytes: int = Field(64, ge=0, le=65536, description="memory of each gateway for kept answers; 0: none are kept")
    scope: Literal["tenant", "shared"] = Field("tenant", description="whether one tenant's answers may serve another")
    redis: str = Field("", description="redis:// or rediss:// address of a second level for all gateways; empty: none")
    redis_seconds: int = Field(86400, ge=1, description="seconds that the second level keeps an answer")

    semantic: str = Field(
        "",
        description="file of `hanlin cache calibrate`, relative to the recipe: kept answers also to questions that mean the same; empty: no",
    )

    @model_validator(mode="after")
    def _kept_where_found(self) -> "CacheSpec":
        if self.semantic and not self.megabytes:
            raise ValueError(
                "semantic finds kept answers, and with megabytes 0 none are kept: set megabytes, or leave semantic out"
            )
        return self

    @field_validator("redis")
    @classmethod
    def _address_without_password(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError("an address is redis://host:port/database, or rediss:// with TLS")
        if parts.password:
            raise ValueError("a recipe is saved with every artifact: put the password into HANLIN_REDIS_PASSWORD")
        return value


class TenantSpec(Spec):
    """How much one tenant may ask for. What is zero is not limited."""

    tokens_per_minute: int = Field(0, ge=0, description="prompt and generated tokens, averaged over a minute; 0: any number")
    concurrency: int = Field(0, ge=0, description="answers generated at once; 0: any number")
    priority: int = Field(0, ge=-100, le=100, description="a smaller one goes first")
    queue: int = Field(64, ge=0, le=4096, description="requests that wait for a place; more are refused")


class LimitsSpec(Spec):
    """Who may ask, and when a request is refused so that the others stay fast."""

    require_keys: bool | None = Field(
        None, description="whether requests need an API key; unset: where the host is not loopback"
    )
    keys: str = Field("", description="file or URI of the API keys, relative to the recipe; empty: keys.json in the store")
    longest_wait: float = Field(
        0.25, ge=0, le=100, description="longest wait for a place, in times of what an answer takes; beyond it 429 is answered"
    )
    default: TenantSpec = Field(TenantSpec(), description="every tenant that has no entry of its own")
    tenants: dict[str, TenantSpec] = Field({}, description="limits by tenant")
