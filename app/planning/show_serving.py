"""How a measurement of a model and the plan for its traffic are shown, and what was assumed."""

import json
from dataclasses import asdict
from io import StringIO

from rich.console import Console

from app.commands.corpus_plan_show import human
from app.planning.serving import HTTP_SHARE, KEPT_BYTES, Answer, Plan
from app.planning.show import rows
from cluster.manifest import Json
from workloads.serving.planning.costs import Point
from workloads.serving.planning.measured import Measured
from workloads.serving.planning.traffic import PERCENTILE

_WIDTH = 150


def show_serving(answer: Answer) -> str:
    written = StringIO()
    console = Console(file=written, highlight=False, width=_WIDTH)
    if answer.plan is None:
        _show_measured(console, answer)
    else:
        _show_plan(console, answer, answer.plan)
    return written.getvalue().rstrip("\n")


def _head(answer: Answer) -> str:
    measured, way = answer.measured, answer.measured.way
    return (
        f"{answer.revision}: {measured.parameters:,} parameters, {way.engine} with {way.weights} weights, {way.threads} threads, "
        f"{way.slots} slots of {measured.max_context:,} tokens; {measured.machine.name}, measured {measured.created} at load {measured.busy:.1f}"
    )


def _show_measured(console: Console, answer: Answer) -> None:
    measured = answer.measured
    console.print(_head(answer) + "\n", soft_wrap=True)
    lines = [_line(point, "") for point in measured.costs.points]
    lines += [_line(check.seen, f"{check.foretold:,.0f} ({check.error:+.0%})") for check in measured.checks]
    names = ("clients", "prompt", "answer", "tokens/s", "first token", "per token", "scatter", "foretold from the others")
    rows(console, names, lines)
    memory, all_tokens = measured.memory, measured.way.slots * measured.max_context
    full = memory.with_cache_of(all_tokens)
    kinds = [
        ("without the model", memory.bare),
        ("loaded", memory.loaded),
        (f"cache of {memory.cached_tokens:,} tokens", memory.used),
        (f"of {all_tokens:,}: all slots full (reckoned)", full),
    ]
    rows(
        console,
        ("memory", "its own", "mapped, shared by copies"),
        [(name, human(each.own), human(each.mapped)) for name, each in kinds],
    )
    console.print(
        f"Loaded in {measured.load_seconds:.2f} s. Forecasts are taken to be off by {measured.uncertainty:.0%} at most"
    )


def _line(point: Point, foretold: str) -> tuple[str, ...]:
    return (
        str(point.clients),
        f"{point.shape.prompt:,}",
        f"{point.shape.answer:,}",
        f"{point.tokens_per_second:,.0f}",
        _time(point.first_seconds),
        _time(point.token_seconds),
        f"{point.scatter:.0%}",
        foretold,
    )


def _show_plan(console: Console, answer: Answer, plan: Plan) -> None:
    load, machines = plan.sizing.load, plan.machines
    console.print(_head(answer), soft_wrap=True)
    shape, rate = plan.traffic.shape, plan.traffic.requests_per_second
    console.print(f"Busiest time: {rate:,.3g} requests/s of {shape.prompt:,} + {shape.answer:,} tokens\n", soft_wrap=True)
    span = f"{plan.low:,} to {f'{plan.high:,}' if plan.high else 'none that keeps the aims'}"
    lines = [
        ("replicas", f"{plan.sizing.replicas:,}", f"{span} if it is off by {answer.measured.uncertainty:.0%}"),
        ("processors", f"{plan.sizing.replicas * plan.need.processors:,g}", f"{plan.need.processors:g} each"),
        ("memory", human(plan.need.memory.of_many(plan.sizing.replicas)), _memory(plan)),
        *_accelerators(plan),
        (
            f"machines of {plan.machine_processors} processors, {human(plan.machine_memory)}",
            f"{machines.count:,}",
            f"{machines.each} replicas on each, for which {machines.limit} is the limit; {human(machines.memory_bytes)} of it used",
        ),
        ("first token", _time(load.first_seconds), f"aim {_time(plan.aims.first)}, for {PERCENTILE:.0%} of the requests"),
        ("per token", _time(load.token_seconds), f"aim {_time(plan.aims.token)}"),
        ("of a replica", f"{load.used:.0%} used", f"{load.at_once:.1f} requests at once on the mean"),
        ("a replica takes", f"{plan.sizing.most:,.3g} req/s", f"then {plan.sizing.limit} is at its limit"),
    ]
    rows(console, ("", "", ""), lines)
    console.print("Assumed", style="dim")
    for line in assumed(answer.measured):
        console.print(f"- {line}", soft_wrap=True)


def _accelerators(plan: Plan) -> list[tuple[str, str, str]]:
    return [("accelerators", f"{plan.accelerators:g}", "not counted into machines")] if plan.accelerators else []


def _memory(plan: Plan) -> str:
    each = plan.need.memory
    return f"{human(each.own)} each with all slots full, and {human(each.mapped)} once a machine (mapped files)"


def assumed(measured: Measured) -> list[str]:
    return [
        "requests come at random moments, all of these lengths, and spread evenly over the replicas; none is answered from the cache",
        f"HTTP, gateway and the way to the replica take {HTTP_SHARE:.0%} of what the engine does alone (a small model's share; less of a large one's)",
        f"a replica that shares a machine is as fast as the one measured, which had {measured.machine.processors} processors to itself",
        f"{human(KEPT_BYTES)} of each machine for the system, Ray and a gateway",
        "no machine is spare: one more keeps the aims while one is lost or drained",
    ]


def as_json(answer: Answer) -> str:
    values: dict[str, Json] = {
        "revision": answer.revision,
        "measured": json.loads(answer.measured.to_json()),
        "uncertainty": answer.measured.uncertainty,
        "plan": asdict(answer.plan) if answer.plan else None,
        "assumed": list(assumed(answer.measured)) if answer.plan else [],
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
