"""The law of the loss, L(N, D) = E + A / N^alpha + B / D^beta, and what repeated tokens count in it. Pure arithmetic.

Not for finding its constants: regress.py does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Muennighoff et al. (arXiv 2305.16264): tokens seen again lose their worth with this constant, in repetitions. Four passes are
# nearly as good as fresh text, sixteen worth about half of it.
_REPETITIONS = 15.39
GOOD_EPOCHS = 4.0
_NINE_OF_TEN = 1.645  # standard deviations on either side


@dataclass(frozen=True)
class Law:
    """Loss in nats per token of a model with N parameters (all of them, a shared embedding once) after D fresh tokens."""

    floor: float
    model_scale: float
    data_scale: float
    model_power: float
    data_power: float

    def loss(self, parameters: float, tokens: float) -> float:
        of_model = self.model_scale * math.exp(-self.model_power * math.log(parameters))
        return self.floor + of_model + self.data_scale * math.exp(-self.data_power * math.log(tokens))


# Hoffmann et al. (arXiv 2203.15556) as fitted again by Besiroglu et al. (arXiv 2404.10102): English text, a tokenizer of 32,000.
# The powers say how a budget is best divided; the losses are not those of another text and tokenizer.
PUBLISHED = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)


@dataclass(frozen=True)
class Expectation:
    """A loss and the interval that holds nine of ten outcomes, as far as the fit can tell."""

    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class FittedLaw:
    """A law with what else the same runs allow: `samples` are laws as likely as `best`, `noise` the spread of log losses."""

    best: Law
    samples: tuple[Law, ...]
    noise: float

    def expect(self, parameters: float, tokens: float) -> Expectation:
        """What a run of that size will end with. It does not cover that the law itself may not hold so far out."""
        middle = self.best.loss(parameters, tokens)
        logs = sorted(math.log(each.loss(parameters, tokens) / middle) for each in self.samples)
        scatter = _NINE_OF_TEN * self.noise
        low = math.hypot(min(0.0, at(logs, 0.05)), scatter)
        high = math.hypot(max(0.0, at(logs, 0.95)), scatter)
        return Expectation(middle, middle * math.exp(-low), middle * math.exp(high))


def at(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of an ascending list lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def worth(tokens: float, unique: float) -> float:
    """Fresh tokens that would teach as much as `tokens` taken from a text of `unique` in several passes."""
    if tokens <= unique:
        return tokens
    repetitions = tokens / unique - 1
    return unique * (1 + _REPETITIONS * (1 - math.exp(-repetitions / _REPETITIONS)))
