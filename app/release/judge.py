"""Is the new revision worse than the old one? Every check compares the two within the same seconds, with a test that may be
read at any moment (evidence.py); together they call a good revision worse with at most the probability that is allowed.

Pure: no clock, no Ray. Not for what follows from it (controller.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.gateway.faults import FAULTS
from app.gateway.observation import Observation
from app.release.compare import Comparison
from app.release.evidence import Mean, Pairs, Slower, Split
from app.release.spec import ReleaseSpec

_SUSPICION = 20.0
"""An e-value from which on a step is not left: evidence as strong as p = 0.05."""
_LONGEST_WAIT = 10.0  # seconds that answers of one revision wait for some of the other to be compared with
_TIMES = ("first_token", "per_token", "seconds")
_ANSWER_FACTOR = 2.0  # on the times of whole answers beyond `slower`: one may say more, and that is not slow
_RATING_RATE = 0.2
_MOST_REQUESTS = 10_000


@dataclass(frozen=True)
class Finding:
    """One check as it stands: how sure it is that the new revision is worse, and the figures to say so with."""

    check: str
    value: float
    text: str


@dataclass
class _Block:
    """Answers of the same seconds, by revision."""

    old: list[Observation] = field(default_factory=list)
    new: list[Observation] = field(default_factory=list)
    since: float | None = None


class Judge:
    """Evidence of one release, from its first answer to its end."""

    def __init__(self, spec: ReleaseSpec, comparison: Comparison | None = None) -> None:
        self.comparison = comparison
        names = ("errors", "left", *FAULTS, "rating", *spec.hooks)
        self._splits = {name: Split(_RATING_RATE if name == "rating" else 0.02) for name in names}
        factors = (spec.slower, spec.slower, spec.slower * _ANSWER_FACTOR)
        self._times = {name: Slower(factor) for name, factor in zip(_TIMES, factors, strict=True)}
        self._bits_factor, self._bits = spec.bits, Pairs()
        self._bits_of = {"old": Mean(), "new": Mean()}
        self._block = _Block()
        self._failed_requests: set[int] = set()
        self.limit = (len(self._splits) + len(self._times) + 1) / spec.error_probability
        self.step_answers = 0

    def see(self, observations: Sequence[Observation], now: float) -> None:
        """Answers that came in; compared as soon as there are some of both."""
        for each in observations:
            self.step_answers += each.trial and not each.left and not each.rating
            (self._block.new if each.trial else self._block.old).append(each)
        self._block.since = now if self._block.since is None else self._block.since
        if (self._block.old and self._block.new) or now - self._block.since > _LONGEST_WAIT:
            block, self._block = self._block, _Block()
            self._compare(block)

    def see_bits(self, old: float, new: float) -> None:
        """Bits per character of the same text under both."""
        self._bits.add(not new <= old * self._bits_factor)  # also where it is no number
        if self.comparison:
            self.comparison.see_bits(old, new)
        self._bits_of["old"].add(old)
        self._bits_of["new"].add(new)

    def see_hook(self, name: str, old_is_good: bool, new_is_good: bool) -> None:
        """What a hook of the recipe says of one answer of each revision."""
        self._splits[name].add(int(not old_is_good), 1, int(not new_is_good), 1)

    def begin_step(self) -> None:
        self.step_answers = 0

    def first_token_bound(self) -> float:
        """The 99th percentile of the old revision's times to the first text; 0 while there are none."""
        return self._times["first_token"].quantile(0.99)

    def findings(self) -> list[Finding]:
        """Every check, the one that speaks most against the new revision first."""
        found = [Finding(name, split.value, _rates(split)) for name, split in self._splits.items()]
        found += [Finding(name, slower.value, _medians(slower)) for name, slower in self._times.items()]
        old, new = (self._bits_of[name].mean for name in ("old", "new"))
        text = f"{new:.3f} bits per character against {old:.3f}, worse on {self._bits.worse} of {self._bits.total} texts"
        found.append(Finding("bits", self._bits.value, text))
        return sorted(found, key=lambda each: -each.value)

    def worse(self) -> str:
        """Why the new revision is the worse one; empty while that is not sure."""
        first = self.findings()[0]
        return (
            f"{first.check}: {first.text} (e-value {first.value:,.0f}, limit {self.limit:,.0f})"
            if first.value >= self.limit
            else ""
        )

    def suspicion(self) -> str:
        """What speaks against leaving this step; empty where nothing does."""
        first = self.findings()[0]
        return f"{first.check}: {first.text} (e-value {first.value:.1f})" if first.value >= _SUSPICION else ""

    def _compare(self, block: _Block) -> None:
        known = frozenset(self._failed_requests)  # one that fails again and again is at fault itself
        self._split("errors", block, lambda each: bool(each.failed), lambda each: not each.rating and each.request not in known)
        failed = {each.request for each in (*block.old, *block.new) if each.failed and each.request}
        if len(known) < _MOST_REQUESTS:
            self._failed_requests |= failed
        self._split("left", block, lambda each: each.left, lambda each: not each.shadow and not each.rating)
        self._split("rating", block, lambda each: each.rating < 0, lambda each: each.rating != 0)
        if self.comparison:
            self.comparison.see(block.old, block.new)
        for name in FAULTS:
            self._split(name, block, lambda each, name=name: name in each.faults, _answered)  # type: ignore[misc]
        for name, slower in self._times.items():
            slower.add(
                *(
                    [_time(each, name) for each in part if _answered(each) and _time(each, name) > 0]
                    for part in (block.old, block.new)
                )
            )

    def _split(
        self, name: str, block: _Block, event: Callable[[Observation], bool], counts: Callable[[Observation], bool]
    ) -> None:
        old, new = ([event(each) for each in part if counts(each)] for part in (block.old, block.new))
        self._splits[name].add(sum(old), len(old), sum(new), len(new))


def summary(judge: Judge) -> Mapping[str, str]:
    """Check -> its figures, for people."""
    return {each.check: f"{each.text}; e-value {each.value:.3g}" for each in judge.findings()}


def _answered(each: Observation) -> bool:
    return not each.failed and not each.left and not each.rating


def _time(each: Observation, name: str) -> float:
    return float(getattr(each, name))


def _rates(split: Split) -> str:
    return f"{split.new[0]} of {split.new[1]} answers against {split.old[0]} of {split.old[1]}"


def _medians(slower: Slower) -> str:
    return f"median {slower.new_quantile(0.5):.4f} s against {slower.quantile(0.5):.4f} s"
