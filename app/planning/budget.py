"""plan RECIPE: what the recipe's own training takes and gives, and which model would make most of a budget. Nothing is written."""

import argparse
from dataclasses import dataclass

from app.recipe import Recipe, load_recipe
from cluster.artifacts import Artifact
from cluster.errors import ArtifactError, UserError
from cluster.manifest import Kind
from cluster.observe.progress import SilentReporter
from cluster.stage import StageContext, open_context
from workloads.training.job import TokenCounts
from workloads.training.planning.choose import (
    Budget,
    Choice,
    Proposal,
    Text,
    choose,
    require_room,
    settle,
)
from workloads.training.planning.machine import GPU_SHARE, Machine, gpu, this_machine
from workloads.training.planning.measure import Evidence
from workloads.training.planning.shapes import candidates


@dataclass(frozen=True)
class Answer:
    """All that is shown. `choice` is None where no budget was given; `evidence` where no law of this text is there."""

    recipe: str
    text: Text
    machine: Machine
    budget: Budget
    own: Proposal
    choice: Choice | None
    evidence: Evidence | None


def run_budget(options: argparse.Namespace) -> str:
    """What to print. Raises ResourceError where the recipe's model does not fit and no budget asks for another."""
    from app.planning.show_plan import as_json, show_plan

    file, recipe = load_recipe(options.recipe, options.overrides)
    context = open_context(file, SilentReporter())
    answer = answer_of(options, recipe, context)
    return as_json(answer) if options.json else show_plan(answer)


def answer_of(options: argparse.Namespace, recipe: Recipe, context: StageContext) -> Answer:
    tokens = _newest(context, recipe.name, "tokens")
    evidence = _evidence(context, recipe.name, tokens)
    text = _text(recipe, tokens, options.tokens)
    budget = _budget(options)
    machine = _machine(options, evidence)
    law = evidence.law if evidence else None
    own = _own(recipe, text, budget, machine, evidence)
    asked = any((budget.machine_hours, budget.hours, budget.serving_bytes))
    choice = choose(candidates(text.vocabulary), text, budget, machine, law) if asked else None
    if choice is None:
        require_room(own, recipe.training, machine, text)
    return Answer(recipe.name, text, machine, budget, own, choice, evidence)


def _newest(context: StageContext, name: str, kind: Kind) -> Artifact | None:
    try:
        return context.store.ref(name, kind)
    except ArtifactError:
        return None


def _evidence(context: StageContext, name: str, tokens: Artifact | None) -> Evidence | None:
    """The recipe's newest law, where it is of these very tokens."""
    law = _newest(context, name, "law")
    same = law is not None and (tokens is None or law.manifest.inputs.get("tokens") == tokens.fingerprint)
    return Evidence.of(law) if law is not None and same else None


def _text(recipe: Recipe, tokens: Artifact | None, given: int | None) -> Text:
    if tokens is None:
        if given is None:
            raise UserError(
                f"recipe {recipe.name!r} has no tokens yet",
                "a text to plan for",
                "make them with `hanlin tokenizer RECIPE`, or say how many there will be with --tokens 1B",
            )
        return Text(given, recipe.tokenizer.vocab_size, recipe.tokens.sequence_length)
    counts = TokenCounts.of(tokens)
    per_character = counts.tokens_train / max(1, counts.characters_train)
    return Text(given or counts.tokens_train, counts.vocabulary, counts.sequence_length, per_character)


def _budget(options: argparse.Namespace) -> Budget:
    if options.gpu_hours is not None and not options.gpu:
        raise UserError("--gpu-hours without --gpu", "the kind of GPU, like --gpu H100", "say which GPU the hours are of")
    if options.machines is not None and options.machines < 1:
        raise UserError(f"--machines {options.machines}", "a number above 0", "leave it out for as few as do")
    hours = min((each for each in (options.hours, options.by) if each is not None), default=None)
    return Budget(options.gpu_hours, hours, options.machines, options.serving_memory, options.price, options.epochs)


def _machine(options: argparse.Namespace, evidence: Evidence | None) -> Machine:
    if options.gpu:
        return gpu(options.gpu, options.mfu or GPU_SHARE)
    return this_machine(evidence.flops_per_second if evidence else None)


def _own(recipe: Recipe, text: Text, budget: Budget, machine: Machine, evidence: Evidence | None) -> Proposal:
    """The training as the recipe has it, on one machine; time that the recipe bounds is not counted."""
    spec = recipe.training
    rows = None if spec.steps is None else spec.plan.start(spec.steps)
    tokens = int(spec.epochs * text.tokens) if rows is None else rows * (text.sequence_length - 1)
    alone = Budget(machines=spec.workers if spec.gpus_per_worker else 1, price_per_hour=budget.price_per_hour)
    law = evidence.law if evidence else None
    return settle(recipe.model, max(1, tokens), text, alone, machine, law, spec)
