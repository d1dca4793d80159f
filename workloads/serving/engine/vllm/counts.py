"""What the engine vllm counts: its own requests and tokens, and the steps that vLLM reports. Not for Prometheus (the replica)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from workloads.serving.engine.base import COUNTED_AS, Finish, Stats


class Counts:
    """Of one engine."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self.generated = 0
        self._ended: Counter[str] = Counter()
        self._steps = self._prompt_tokens = self._reused_tokens = 0

    def ended(self, finish: Finish) -> None:
        self._ended[COUNTED_AS[finish]] += 1

    def stats(self, requests: int, tokens: int) -> Stats:
        """`requests` on the way, with `tokens`; vLLM runs as many as it has slots."""
        return Stats(
            running=min(requests, self._slots),
            waiting=max(requests - self._slots, 0),
            slots=self._slots,
            cached_tokens=tokens,
            prompt_tokens=self._prompt_tokens,
            reused_tokens=self._reused_tokens,
            generated_tokens=self.generated,
            steps=self._steps,
            **self._ended,
        )

    def logger(self) -> Callable[..., Any]:
        """For vLLM, which calls it with its configuration and tells what it makes of every step."""
        from vllm.v1.metrics.loggers import StatLoggerBase

        counts = self

        class Logger(StatLoggerBase):  # type: ignore[misc] # vLLM is not in this project's own environment
            def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
                pass

            def record(self, scheduler_stats: Any, iteration_stats: Any, *_: Any, **__: Any) -> None:
                if iteration_stats is not None:
                    counts._stepped(iteration_stats)

            def log_engine_initialized(self) -> None:
                pass

        return Logger

    def _stepped(self, iteration: Any) -> None:
        self._steps += 1
        self._prompt_tokens += iteration.prompt_token_stats.computed
        self._reused_tokens += iteration.prompt_token_stats.cached_tokens
