"""One tenant of the endpoint: its limits, and what it has used."""

from app.gateway.limits.bucket import TokenBucket
from cluster.errors import OverloadedError
from workloads.serving.gateway_spec import TenantSpec


class Tenant:
    """`share` is this gateway's part of the limits, where several gateways serve."""

    def __init__(self, name: str, limits: TenantSpec, share: float = 1.0) -> None:
        self.name, self.limits = name, limits
        self._concurrency = max(1, round(limits.concurrency * share)) if limits.concurrency else 0
        self._bucket = TokenBucket(limits.tokens_per_minute * share)

    def require_tokens(self) -> None:
        """Raises OverloadedError where the tenant has used more than its rate."""
        if wait := self._bucket.wait():
            raise OverloadedError(
                "this tenant's tokens per minute are used up",
                f"{self.limits.tokens_per_minute} tokens per minute, prompts and answers together",
                f"send the request again in {wait:.1f} s",
                wait,
            )

    def use(self, tokens: int) -> None:
        """Count tokens of a prompt or an answer."""
        self._bucket.take(tokens)

    def may_run(self, running: int, more: int) -> bool:
        """Whether so many more answers may be generated beside those; a request for more than the limit goes alone."""
        return not self._concurrency or not running or running + more <= self._concurrency

    def places(self, slots: int) -> int:
        """How many of a revision's slots the tenant can have."""
        return min(slots, self._concurrency) if self._concurrency else slots
