"""How a plan is shown: a table of the recipe's own training and of what the budget buys, what to set, and what was assumed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from io import StringIO

from rich.console import Console

from app.planning.budget import Answer
from app.planning.show import count, duration, interval, rows
from cluster.manifest import Json
from workloads.models.size import readable_bytes
from workloads.training.planning.choose import SERVED_ROWS, TOGETHER, Choice, Proposal
from workloads.training.planning.shapes import changes, label

_WIDTH = 170
_NEIGHBOURS = 3  # on either side of the best
_FAR = 30  # times the largest or longest run measured: from there on the law is a guess


def show_plan(answer: Answer) -> str:
    written = StringIO()
    console = Console(file=written, highlight=False, width=_WIDTH)
    text = answer.text
    console.print(
        f"Text: {count(text.tokens)} tokens of a vocabulary of {text.vocabulary:,}, rows of {text.sequence_length:,}. Machine: "
        f"{answer.machine.name}, {answer.machine.flops_per_second:.3g} FLOP/s ({answer.machine.basis}), "
        f"{readable_bytes(answer.machine.memory_bytes)}\n",
        soft_wrap=True,
    )
    _table(console, "the recipe as it is", [answer.own], None)
    if answer.choice is not None:
        _table(console, "for the budget", _near(answer.choice), answer.choice.best)
        _show_settings(console, answer.choice)
        _show_refused(console, answer.choice)
    console.print("Assumed", style="dim")
    for line in assumed(answer):
        console.print(f"- {line}", soft_wrap=True)
    return written.getvalue().rstrip("\n")


def _near(choice: Choice) -> list[Proposal]:
    place = choice.proposals.index(choice.best)
    return list(choice.proposals[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1])


def _table(console: Console, title: str, proposals: Sequence[Proposal], best: Proposal | None) -> None:
    priced = any(each.price is not None for each in proposals)
    names = (
        title,
        "parameters",
        "tokens",
        "passes",
        "batch",
        "rate",
        "machines",
        "memory",
        "time",
        *(("price",) if priced else ()),
    )
    lines = []
    for each in proposals:
        figures = (
            f"{each.name}{' *' if each is best else ''}",
            f"{each.cost.parameters:,}",
            count(each.tokens),
            f"{each.epochs:.3g}",
            f"{each.global_batch} x {each.steps:,}",
            f"{each.learning_rate:g}",
            f"{each.machines}",
            readable_bytes(each.cost.training_bytes),
            duration(each.hours),
        )
        price = (f"{each.price:,.2f}",) if each.price is not None else ()
        loss = interval(each.loss) if each.loss else "?"
        bits = f"{each.bits_per_character:.2f}" if each.bits_per_character else "?"
        lines.append((*figures, *price, loss, bits))
    rows(console, (*names, "loss (9 of 10)", "bits/char"), lines)


def settings_of(proposal: Proposal) -> list[str]:
    """As `--set` takes them."""
    model = [f"model.{key}={json.dumps(value)}" for key, value in changes(proposal.model).items()]
    training = {
        "steps": proposal.steps,
        "global_batch": proposal.global_batch,
        "micro_batch": proposal.micro_batch,
        "learning_rate": proposal.learning_rate,
        "warmup_steps": proposal.warmup_steps,
    }
    return [each.replace('"', "") for each in model] + [f"training.{key}={value}" for key, value in training.items()]


def _show_settings(console: Console, choice: Choice) -> None:
    console.print(f"* {choice.best.name}: " + " ".join(f"--set {each}" for each in settings_of(choice.best)), soft_wrap=True)
    if choice.best.text_ends_first:
        console.print(
            "It sees the whole text as often as --epochs allows: more text would lower its loss, more passes hardly.",
            soft_wrap=True,
        )
    console.print()


def _show_refused(console: Console, choice: Choice) -> None:
    if choice.refused:
        first = choice.refused[0]
        more = f", and {len(choice.refused) - 1} larger or alike" if len(choice.refused) > 1 else ""
        console.print(f"Does not fit: {first.name} ({first.parameters:,} parameters) {first.reason}{more}\n", soft_wrap=True)


def assumed(answer: Answer) -> list[str]:
    lines = [
        f"batch, rate and warm-up of what is proposed: rules from models of 60M to 1B parameters with AdamW; several machines keep "
        f"{TOGETHER:.0%} of their speed; memory is for f32 weights and AdamW in every worker",
        "text seen again counts less and less (four passes nearly as fresh text)",
    ]
    if answer.budget.serving_bytes is not None:
        lines.append(f"a serving machine holds f32 weights and {SERVED_ROWS} whole contexts")
    if answer.evidence is None:
        lines.append(
            "no law of this text: sizes are weighed by a published one of English text, and no loss is foretold; "
            "`hanlin plan fit RECIPE` measures it"
        )
        return lines
    largest = max(run.point.parameters for run in answer.evidence.runs)
    lines.append(
        f"losses: a law fitted on {len(answer.evidence.runs)} runs of up to {largest:,} parameters on this text; the interval holds if the "
        "law does"
    )
    shown = answer.choice.best if answer.choice else answer.own
    longest = max(run.point.tokens for run in answer.evidence.runs)
    times, longer = shown.cost.parameters / largest, shown.tokens / longest
    if max(times, longer) > _FAR:
        lines.append(
            f"{shown.name} has {times:.3g} times the parameters and sees {longer:.3g} times the tokens of the largest run measured: its loss is a "
            "guess, and so is the choice; a longer ladder says more"
        )
    return lines


def as_json(answer: Answer) -> str:
    values: dict[str, Json] = {
        "recipe": answer.recipe,
        "text": asdict(answer.text),
        "machine": asdict(answer.machine),
        "budget": asdict(answer.budget),
        "as_it_is": _values(answer.own),
        "best": _values(answer.choice.best) if answer.choice else None,
        "proposals": [_values(each) for each in answer.choice.proposals] if answer.choice else [],
        "refused": [asdict(each) for each in answer.choice.refused] if answer.choice else [],
        "set": list(settings_of(answer.choice.best)) if answer.choice else [],
        "law": asdict(replace(answer.evidence.law, samples=())) if answer.evidence else None,
        "assumed": list(assumed(answer)),
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def _values(proposal: Proposal) -> dict[str, Json]:
    left_out = ("model", "cost", "score")
    values = {key: value for key, value in asdict(proposal).items() if key not in left_out}
    shape: dict[str, Json] = asdict(proposal.model.shape)
    return {
        "name": label(proposal.model),
        "parameters": proposal.cost.parameters,
        "memory_bytes": proposal.cost.training_bytes,
        "shape": shape,
        **values,
    }
