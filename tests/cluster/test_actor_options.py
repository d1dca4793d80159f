"""What our actors ask for, read from the code: never a fraction of a processor by default, never nothing at all.

A fraction keeps a whole-processor task from a small machine for ever; an actor that asks for nothing lands on the head.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.gateway.serve import Gateway, gateway_deployment
from app.submit import _DRIVER_MEMORY
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from workloads.serving.deploy import bind_replica
from workloads.serving.spec import ServingSpec

ROOT = Path(__file__).resolve().parents[2]
_NAMES = {"num_cpus", "num_gpus", "memory", "resources"}
_HELPERS = {"init", "sort", "ScalingConfig"}  # calls with such arguments that start no actor


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in our code that carries Ray's resource arguments, with its place."""
    for path in sorted(each for floor in ("app", "workloads", "cluster") for each in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _NAMES & {each.arg for each in node.keywords}:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name not in _HELPERS:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def options_of(call: ast.Call) -> dict[str, Any]:
    """The constants among a call's arguments; what is computed is kept as its source."""
    found = {}
    for each in call.keywords:
        if each.arg:
            found[each.arg] = each.value.value if isinstance(each.value, ast.Constant) else ast.unparse(each.value)
    return found


def test_the_code_has_such_calls() -> None:
    places = " ".join(place for place, _ in calls())
    assert all(each in places for each in ("app/gateway/board.py", "cluster/observe/board.py", "tokenizer/encode.py"))


def test_no_call_asks_for_a_fraction_of_a_processor() -> None:
    fractions = [place for place, call in calls() if _number(options_of(call).get("num_cpus")) % 1 > 0]
    assert fractions == []


def test_no_call_asks_for_nothing_but_where_it_names_its_machine() -> None:
    nothing = [
        place
        for place, call in calls()
        if options_of(call).get("num_cpus") == 0
        and not {"memory", "num_gpus", "resources", "scheduling_strategy"} & options_of(call).keys()
    ]
    assert nothing == []


def test_a_fraction_or_nothing_would_be_found() -> None:
    call = ast.parse("ray.remote(Board).options(num_cpus=0.1)").body[0].value  # type: ignore[attr-defined]
    assert _number(options_of(call)["num_cpus"]) % 1 > 0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def test_the_gateway_asks_for_memory_and_no_processor() -> None:
    options = gateway_deployment(Gateway, ServingSpec()).ray_actor_options
    assert options["num_cpus"] == 0
    assert options["memory"] > 0


@pytest.mark.parametrize("cpus", [0, 1])
def test_a_replica_asks_for_something_whatever_the_recipe_says(store: ArtifactStore, cpus: float) -> None:
    options = bind_replica(ServingSpec(cpus_per_replica=cpus), _empty_model(store), "1")._bound_deployment.ray_actor_options
    assert options["num_cpus"] == cpus
    assert cpus or options["memory"] > 0


def test_a_submitted_driver_asks_for_memory() -> None:
    assert _DRIVER_MEMORY > 0
    source = (ROOT / "app" / "submit.py").read_text(encoding="utf-8")
    assert "entrypoint_memory=_DRIVER_MEMORY" in source
    assert "entrypoint_num_cpus" not in source


def test_the_recipe_s_defaults_are_whole() -> None:
    spec = ServingSpec()
    assert spec.cpus_per_replica % 1 == 0
    assert spec.gateway_cpus == 0


def _empty_model(store: ArtifactStore) -> Artifact:
    work = Work("model", {}, {}, 1)
    with store.draft(work) as draft:
        draft.write("config.json", b"{}")
    artifact = store.find(work)
    assert artifact is not None
    return artifact
