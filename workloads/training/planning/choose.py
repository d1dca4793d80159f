"""Which model, on how many tokens, for a budget: every shape is asked what it would reach, and the best that fits is taken. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cluster.errors import ResourceError
from workloads.models.size import ModelCost, describe, readable_bytes
from workloads.models.spec import ModelSpec
from workloads.training.fit import require_fit, training_cost
from workloads.training.planning.law import GOOD_EPOCHS, PUBLISHED, Expectation, FittedLaw, worth
from workloads.training.planning.machine import Machine
from workloads.training.planning.rules import batch_rows, learning_rate, warmup_steps
from workloads.training.planning.shapes import label
from workloads.training.spec import TrainingSpec

TOGETHER = 0.9  # of its speed alone that a machine keeps among others, exchange of gradients included
_ALIKE = 1.002  # losses this near: the smaller model, which costs less to serve
_MOST_ROWS = 64  # at once through the model
SERVED_ROWS = 16  # contexts at once in a serving machine's memory


@dataclass(frozen=True)
class Text:
    """What there is to train on. `per_character`: tokens per character, 0 where it is not known."""

    tokens: int
    vocabulary: int
    sequence_length: int
    per_character: float = 0.0


@dataclass(frozen=True)
class Budget:
    """Machine-hours together and the hours they may take, each None where nothing bounds it; `machines`: None for as few as do."""

    machine_hours: float | None = None
    hours: float | None = None
    machines: int | None = None
    serving_bytes: float | None = None
    price_per_hour: float | None = None
    most_epochs: float = GOOD_EPOCHS

    def count(self) -> int:
        """Machines side by side."""
        if self.machines is not None:
            return self.machines
        if self.machine_hours is None or self.hours is None:
            return 1
        return max(1, math.ceil(self.machine_hours / self.hours))

    def available_hours(self) -> float | None:
        """Machine-hours."""
        bounds = [self.machine_hours, None if self.hours is None else self.hours * self.count()]
        return min((each for each in bounds if each is not None), default=None)


@dataclass(frozen=True)
class Proposal:
    """One training: what to set, what it takes and what it gives. `score` orders proposals; `loss` is None without a law of this text."""

    model: ModelSpec
    cost: ModelCost
    tokens: int
    epochs: float
    global_batch: int
    micro_batch: int
    steps: int
    warmup_steps: int
    learning_rate: float
    machines: int
    hours: float
    flops: float
    price: float | None
    score: float
    loss: Expectation | None
    bits_per_character: float | None
    text_ends_first: bool

    @property
    def name(self) -> str:
        return label(self.model)


@dataclass(frozen=True)
class Refused:
    """A shape that cannot be had, and why."""

    name: str
    parameters: int
    reason: str


@dataclass(frozen=True)
class Choice:
    """`proposals` in order of size; `best` is one of them."""

    best: Proposal
    proposals: tuple[Proposal, ...]
    refused: tuple[Refused, ...]


def choose(shapes: Iterable[ModelSpec], text: Text, budget: Budget, machine: Machine, law: FittedLaw | None) -> Choice:
    """Raises ResourceError where no shape fits into the memory there is."""
    proposals: list[Proposal] = []
    refused: list[Refused] = []
    for model in shapes:
        outcome = propose(model, text, budget, machine, law)
        if isinstance(outcome, Proposal):
            proposals.append(outcome)
        else:
            refused.append(outcome)
    if not proposals:
        least = refused[0]
        raise ResourceError(
            f"no model fits: even {least.name} ({least.parameters:,} parameters) {least.reason}",
            "",
            "give a machine with more memory, shorter rows or a smaller vocabulary",
        )
    lowest = min(each.score for each in proposals)
    best = next(each for each in proposals if each.score <= _ALIKE * lowest)
    return Choice(best, tuple(proposals), tuple(refused))


def propose(model: ModelSpec, text: Text, budget: Budget, machine: Machine, law: FittedLaw | None) -> Proposal | Refused:
    """The longest training of this shape that the budget and the text allow."""
    cost = describe(model, text.vocabulary, text.sequence_length, 1)
    if reason := _reason_against(cost, text, budget, machine):
        return Refused(label(model), cost.parameters, reason)
    speed = machine.flops_per_second * (TOGETHER if budget.count() > 1 else 1.0)
    useful, hours = budget.most_epochs * text.tokens, budget.available_hours()
    affordable = math.inf if hours is None else 3600 * hours * speed / cost.training_flops_per_token
    tokens = max(1, int(min(useful, affordable)))
    return settle(model, tokens, text, budget, machine, law, learning=None)


def settle(
    model: ModelSpec,
    tokens: int,
    text: Text,
    budget: Budget,
    machine: Machine,
    law: FittedLaw | None,
    learning: TrainingSpec | None,
) -> Proposal:
    """A training of this shape and length, with the settings given or those of the rules."""
    smallest = describe(model, text.vocabulary, text.sequence_length, 1)
    batch = learning.global_batch if learning else batch_rows(tokens, text.sequence_length)
    rows = tokens / (text.sequence_length - 1)
    steps = max(1, learning.plan.steps_for(round(rows)) if learning else round(rows / batch))
    micro = learning.plan.micro_batch if learning else largest_micro_batch(model, text, batch, machine.memory_bytes)
    machines = min(budget.count(), -(-batch // micro))
    speed = machine.flops_per_second * machines * (TOGETHER if machines > 1 else 1.0)
    flops = float(tokens) * smallest.training_flops_per_token
    hours = flops / speed / 3600
    fresh = worth(tokens, text.tokens)
    loss = law.expect(smallest.parameters, fresh) if law else None
    price = None if budget.price_per_hour is None else budget.price_per_hour * hours * machines
    return Proposal(
        model=model,
        cost=training_cost(learning or TrainingSpec(), model, text.vocabulary, text.sequence_length, micro),
        tokens=tokens,
        epochs=tokens / text.tokens,
        global_batch=batch,
        micro_batch=micro,
        steps=steps,
        warmup_steps=learning.warmup_steps if learning else warmup_steps(steps),
        learning_rate=learning.learning_rate if learning else learning_rate(smallest.body_parameters, tokens),
        machines=machines,
        hours=hours,
        flops=flops,
        price=price,
        score=(law.best if law else PUBLISHED).loss(smallest.parameters, fresh),
        loss=loss,
        bits_per_character=loss.loss / math.log(2) * text.per_character if loss and text.per_character else None,
        text_ends_first=tokens >= int(budget.most_epochs * text.tokens),
    )


def largest_micro_batch(model: ModelSpec, text: Text, batch: int, memory: int) -> int:
    """Rows at once: the most that memory holds, halving from the batch or 64. 1 where not even that fits."""
    rows = min(batch, _MOST_ROWS)
    while rows > 1 and describe(model, text.vocabulary, text.sequence_length, rows).training_bytes > memory:
        rows = -(-rows // 2)
    return rows


def _reason_against(cost: ModelCost, text: Text, budget: Budget, machine: Machine) -> str:
    """`cost` with one row at once."""
    if cost.training_bytes > machine.memory_bytes:
        return (
            f"needs {readable_bytes(cost.training_bytes)} in each worker to train, {machine.name} has "
            f"{readable_bytes(machine.memory_bytes)}"
        )
    served = cost.serving_bytes(SERVED_ROWS * text.sequence_length)
    if budget.serving_bytes is not None and served > budget.serving_bytes:
        return f"needs {readable_bytes(served)} to be served, {readable_bytes(int(budget.serving_bytes))} are given"
    return ""


def require_room(proposal: Proposal, spec: TrainingSpec, machine: Machine, text: Text) -> None:
    """Raises ResourceError where a worker of this machine cannot hold the training, and says what would fit."""
    require_fit(
        lambda rows: training_cost(spec, proposal.model, text.vocabulary, text.sequence_length, rows),
        proposal.micro_batch,
        machine.memory_bytes,
        machine.name,
    )
