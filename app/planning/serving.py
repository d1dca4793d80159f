"""serve plan RECIPE: measure the model that a recipe serves, and say how many replicas and machines a traffic needs. Needs no Ray."""

import argparse
from dataclasses import dataclass

from app.recipe import Recipe, load_recipe
from app.registry.registry import open_registry
from cluster.artifacts import Artifact
from cluster.errors import UserError
from cluster.observe.progress import Reporter, open_reporter
from cluster.stage import StageContext, open_context
from workloads.serving.builds.choice import build_for
from workloads.serving.deploy import settings_for
from workloads.serving.planning.costs import Shape
from workloads.serving.planning.machine import key_of, this_machine
from workloads.serving.planning.measure import Subject, measure_apart
from workloads.serving.planning.measured import Measured, keep, kept
from workloads.serving.planning.plan import Machines, Need, Sizing, machines_for, size
from workloads.serving.planning.traffic import Aims, Traffic
from workloads.serving.spec import ServingSpec

HTTP_SHARE = 0.25
"""Of an engine's throughput that HTTP, gateway and the way to the replica cost at 32 streaming clients of a model of 5M parameters, all
on the same two processors (benchmarks/RESULTS.md); less of a larger model's."""

KEPT_BYTES = 2e9
"""Of a machine's memory for the system, Ray and a gateway; a head with the dashboard and Serve's controller held 1.2 GB."""

_DAY = 86_400


@dataclass(frozen=True)
class Plan:
    """`low` and `high`: the replicas if a replica does as much more, or less, than foretold as the measurement is uncertain;
    `accelerators` of all replicas."""

    traffic: Traffic
    aims: Aims
    sizing: Sizing
    low: int
    high: int
    need: Need
    machines: Machines
    machine_processors: int
    machine_memory: float
    accelerators: float


@dataclass(frozen=True)
class Answer:
    """All that is shown; `plan` is None where no traffic was given."""

    revision: str
    measured: Measured
    plan: Plan | None


def run_serve_plan(options: argparse.Namespace) -> str:
    """What to print."""
    from app.planning.show_serving import as_json, show_serving

    file, recipe = load_recipe(options.recipe, options.overrides)
    with open_reporter() as reporter:
        answer = answer_of(options, recipe, open_context(file, reporter), reporter)
    return as_json(answer) if options.json else show_serving(answer)


def answer_of(options: argparse.Namespace, recipe: Recipe, context: StageContext, reporter: Reporter) -> Answer:
    traffic = _traffic(options)
    if traffic is None and not options.measure:
        raise UserError(
            "there is nothing to plan for",
            "a traffic, like --requests-per-day 1000000 --peak 3, or --requests-per-second 20",
            "add one of them, or --measure to measure this machine",
        )
    if recipe.serving.engine == "vllm":
        raise UserError(
            "serving.engine is vllm, which computes in a process of its own",
            "plans for engines that are measured in one: torch, openvino",
            "set serving.engine to one of them, or put load on an endpoint",
        )
    registry = open_registry(recipe.registry, context)
    revision = registry.show(options.revision)
    model, spec = registry.load(str(revision.number)), recipe.serving
    measured = _measure(model, spec, reporter) if options.measure else _find(options, model, spec)
    plan = _plan(options, measured, traffic, spec) if traffic else None
    return Answer(revision.name, measured, plan)


def _measure(model: Artifact, spec: ServingSpec, reporter: Reporter) -> Measured:
    reporter.start("measure", "")
    subject = Subject(
        model.fingerprint, model.local_folder(), spec.engine, build_for(spec, model), settings_for(spec), spec.weights
    )
    measured = measure_apart(subject)
    reporter.finish("measure", "done", kept=str(keep(model, measured)), uncertainty=round(measured.uncertainty, 3))
    return measured


def _find(options: argparse.Namespace, model: Artifact, spec: ServingSpec) -> Measured:
    """What was measured of this model, served as the recipe says, on the kind of machine asked for."""
    name = options.processor or this_machine(bool(spec.gpus_per_replica)).name
    engine = "openvino" if build_for(spec, model) else "torch"
    alike = [each for each in kept(model) if (each.way.engine, each.way.weights) == (engine, spec.weights)]
    found = [each for each in alike if each.machine.key == key_of(name) and each.way.slots == spec.slots]
    found = [each for each in found if options.processor or each.way.threads == spec.engine_threads]
    if not found:
        others = sorted({each.machine.name for each in alike})
        raise UserError(
            f"nothing was measured of {model} with {engine}, {spec.weights} weights and {spec.slots} slots on {name}",
            f"known kinds of machines: {', '.join(others)}" if others else "figures of this kind of machine",
            f"measure on one: hanlin serve plan {options.recipe} --measure",
        )
    return max(found, key=lambda each: each.created)


def _traffic(options: argparse.Namespace) -> Traffic | None:
    given = [each for each in (options.requests_per_second, options.requests_per_day) if each is not None]
    if len(given) > 1:
        raise UserError("--requests-per-second and --requests-per-day", "one of the two", "leave one out")
    if not given:
        return None
    rate = options.requests_per_second or options.peak * options.requests_per_day / _DAY
    return Traffic(rate, Shape(options.prompt_tokens, options.answer_tokens))


def _plan(options: argparse.Namespace, measured: Measured, traffic: Traffic, spec: ServingSpec) -> Plan:
    shape = traffic.shape
    if shape.prompt + shape.answer > measured.max_context:
        raise UserError(
            f"a request has {shape.prompt} prompt and {shape.answer} answer tokens",
            f"this model's context holds {measured.max_context}, prompt and answer together",
            "lower --prompt-tokens or --answer-tokens",
        )
    aims, off, slots = Aims(options.first_token, options.per_token), measured.uncertainty, measured.way.slots
    slow = 1 / (1 - HTTP_SHARE)
    sizing = size(measured.costs, slots, traffic, aims, slow)
    low, high = (_replicas(measured, traffic, aims, slow * by) for by in (1 / (1 + off), 1 + off))
    memory = measured.memory.with_cache_of(slots * measured.max_context)
    need = Need(max(spec.cpus_per_replica, measured.way.threads), memory)
    processors = options.machine_cpus or measured.machine.processors
    machine_memory = options.machine_memory or float(measured.machine.memory_bytes)
    accelerators = sizing.replicas * spec.gpus_per_replica
    machines = machines_for(sizing.replicas, need, processors, machine_memory, KEPT_BYTES)
    return Plan(traffic, aims, sizing, low, high, need, machines, processors, machine_memory, accelerators)


def _replicas(measured: Measured, traffic: Traffic, aims: Aims, slow: float) -> int:
    """0 where even a request that is alone misses the aims."""
    try:
        return size(measured.costs, measured.way.slots, traffic, aims, slow).replicas
    except UserError:
        return 0
