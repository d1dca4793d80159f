"""`hanlin serve plan`: what was measured is kept and found again by machine and way of serving; mistakes are refused in a line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import main
from app.planning import serving
from app.registry import Registry, RegistrySpec
from app.registry.spec import local_database
from cluster.artifacts import Artifact, ArtifactStore
from cluster.observe.footprint import Footprint
from tests.app.backup.conftest import evaluated
from tests.app.registry.conftest import empty_database
from tests.workloads.serving.planning.test_costs import COSTS, SHORT, point
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.planning.machine import MachineKind, this_machine
from workloads.serving.planning.measure import Subject
from workloads.serving.planning.measured import Check, Measured, Memory, Way, keep

__all__ = ["empty_database"]
GB = 10**9
TRAFFIC = ("--requests-per-second", "200", "--prompt-tokens", "100", "--answer-tokens", "64")


@pytest.fixture
def recipe(tmp_path: Path, empty_database: Path) -> Path:
    """A recipe whose model is registered and in production."""
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "name: tiny\nserving: {engine: torch, weights: f32, slots: 32, threads: 1, max_replicas: 4}\ncorpus: {inputs: [raw]}\n"
    )
    store = ArtifactStore(str(tmp_path / "runs"))
    database = local_database(store)
    database.parent.mkdir(parents=True)
    shutil.copyfile(empty_database, database)
    model = commit_model(store, write_model(tmp_path / "model", context=4096), "1")
    registry = Registry("tiny", store, RegistrySpec().resolve(store, tmp_path))
    registry.register(model, evaluated(store, model), {"name": "tiny"})
    registry.promote("1", "the first")
    return file


@pytest.fixture
def model(recipe: Path) -> Artifact:
    return next(ArtifactStore(str(recipe.parent / "runs")).artifacts("model"))


def figures(fingerprint: str, machine: MachineKind | None = None) -> Measured:
    check = point(16, SHORT)
    return Measured(
        model=fingerprint,
        machine=machine or this_machine(accelerator=False),
        way=Way("torch", "f32", 1, 32),
        costs=COSTS,
        checks=(Check(check, 1.1 * check.tokens_per_second),),
        memory=Memory(Footprint(0, GB // 10), Footprint(GB // 2, GB // 2), Footprint(GB, GB // 2), 0, 1000),
        load_seconds=1.0,
        max_context=4096,
        parameters=5_000_000,
        created="2026-11-28T00:00:00+00:00",
        busy=0.5,
    )


def planned(capsys: pytest.CaptureFixture[str], recipe: Path, *arguments: str) -> dict[str, object]:
    assert main(["serve", "plan", str(recipe), *TRAFFIC, *arguments, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert isinstance(plan, dict)
    return plan


def test_without_figures_the_command_that_makes_them_is_said(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "plan", str(recipe), *TRAFFIC]) == 2
    told = capsys.readouterr().err
    assert "nothing was measured" in told
    assert f"hanlin serve plan {recipe} --measure" in told


def test_what_is_measured_is_kept_and_planned_from(
    recipe: Path, model: Artifact, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Subject] = []

    def measure(subject: Subject) -> Measured:
        asked.append(subject)
        return figures(subject.model)

    monkeypatch.setattr(serving, "measure_apart", measure)
    assert main(["serve", "plan", str(recipe), "--measure"]) == 0
    shown = capsys.readouterr().out
    assert "foretold from the others" in shown
    assert "(+10%)" in shown
    assert (asked[0].model, asked[0].engine, asked[0].settings.slots) == (model.fingerprint, "torch", 32)
    assert main(["serve", "plan", str(recipe), *TRAFFIC]) == 0
    shown = capsys.readouterr().out
    assert "if it is off by 10%" in shown
    assert "no machine is spare" in shown
    assert "\x1b" not in shown


def test_a_smaller_machine_and_more_traffic_ask_for_more(
    recipe: Path, model: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(model, figures(model.fingerprint))
    large = planned(capsys, recipe, "--machine-cpus", "16", "--machine-memory", "64GB")
    small = planned(capsys, recipe, "--machine-cpus", "16", "--machine-memory", "6GB")
    assert large["sizing"] == small["sizing"]
    assert isinstance(small["machines"], dict)
    assert isinstance(large["machines"], dict)
    assert small["machines"]["limit"] == "memory"
    assert small["machines"]["count"] > large["machines"]["count"]
    day = planned_by_day(capsys, recipe)
    assert isinstance(day["traffic"], dict)
    assert day["traffic"]["requests_per_second"] == pytest.approx(50.0)


def planned_by_day(capsys: pytest.CaptureFixture[str], recipe: Path) -> dict[str, object]:
    assert main(["serve", "plan", str(recipe), "--requests-per-day", "864000", "--peak", "5", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert isinstance(plan, dict)
    return plan


def test_figures_of_another_machine_are_taken_where_it_is_named(
    recipe: Path, model: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(model, figures(model.fingerprint, MachineKind("Some Processor 9000", 64, 256 * GB)))
    assert main(["serve", "plan", str(recipe), *TRAFFIC]) == 2
    assert "Some Processor 9000" in capsys.readouterr().err
    plan = planned(capsys, recipe, "--processor", "some processor 9000")
    assert plan["machine_processors"] == 64


def test_another_way_of_serving_has_figures_of_its_own(
    recipe: Path, model: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(model, figures(model.fingerprint))
    assert main(["serve", "plan", str(recipe), *TRAFFIC, "--set", "serving.weights=int8"]) == 2
    assert "int8 weights" in capsys.readouterr().err
    assert main(["serve", "plan", str(recipe), *TRAFFIC, "--set", "serving.slots=8"]) == 2
    assert "8 slots" in capsys.readouterr().err
    keep(model, replace(figures(model.fingerprint), way=Way("torch", "f32", 1, 8)))
    planned(capsys, recipe, "--set", "serving.slots=8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to plan for"),
        (("--requests-per-second", "1", "--requests-per-day", "1"), "one of the two"),
        (("--requests-per-second", "1", "--prompt-tokens", "9000"), "context holds 4096"),
        (("--requests-per-second", "1", "--per-token", "0.0001"), "alone takes"),
        (("--requests-per-second", "1", "--set", "serving.engine=vllm"), "plans for engines that are measured in one"),
    ],
)
def test_mistakes_are_refused_in_a_line(
    recipe: Path, model: Artifact, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    keep(model, figures(model.fingerprint))
    assert main(["serve", "plan", str(recipe), *arguments]) == 2
    assert says in capsys.readouterr().err
