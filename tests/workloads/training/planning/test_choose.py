"""Which model a budget buys: bounds hold, more buys more, and what cannot fit is refused with what would."""

from dataclasses import replace

import pytest

from cluster.errors import ResourceError
from workloads.models.size import count_parameters, describe
from workloads.models.spec import PRESETS, ModelSpec, preset_shape
from workloads.training.planning.choose import Budget, Text, choose, largest_micro_batch, require_room, settle
from workloads.training.planning.law import PUBLISHED, FittedLaw
from workloads.training.planning.machine import Machine, gpu
from workloads.training.planning.rules import batch_rows, learning_rate
from workloads.training.planning.shapes import candidates, label, of_width
from workloads.training.spec import TrainingSpec

TEXT = Text(tokens=2_000_000_000, vocabulary=32_000, sequence_length=1024, per_character=0.6)
LAW = FittedLaw(PUBLISHED, (replace(PUBLISHED, floor=1.7), PUBLISHED, replace(PUBLISHED, floor=1.9)), 0.01)
H100 = gpu("h100")


def test_more_hours_buy_a_lower_loss_and_a_larger_model() -> None:
    bought = [choose(candidates(32_000), TEXT, Budget(machine_hours=hours), H100, LAW).best for hours in (0.1, 1, 10, 100)]
    losses = [each.score for each in bought]
    assert losses == sorted(losses, reverse=True)
    sizes = [each.cost.parameters for each in bought]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_budget_is_kept_and_divided_as_hoffmann_divides_it() -> None:
    text = replace(TEXT, tokens=10**13)
    best = choose(candidates(32_000), text, Budget(machine_hours=20), H100, None).best
    assert best.hours * best.machines <= 20.001
    assert 8 < best.tokens / best.cost.parameters < 60


def test_a_text_is_not_read_more_often_than_allowed() -> None:
    small = replace(TEXT, tokens=1_000_000)
    choice = choose(candidates(32_000), small, Budget(machine_hours=50, most_epochs=3), H100, LAW)
    assert all(each.epochs <= 3 for each in choice.proposals)
    assert choice.best.text_ends_first


def test_hours_and_machine_hours_say_how_many_machines() -> None:
    best = choose(candidates(32_000), TEXT, Budget(machine_hours=40, hours=6, price_per_hour=2.5), H100, LAW).best
    assert best.machines == 7
    assert best.hours <= 6
    assert best.price == pytest.approx(2.5 * best.hours * 7)


def test_a_served_model_fits_where_it_is_served() -> None:
    choice = choose(candidates(32_000), TEXT, Budget(serving_bytes=1e9), H100, LAW)
    assert all(each.cost.serving_bytes(16 * 1024) <= 1e9 for each in choice.proposals)
    assert "to be served" in choice.refused[0].reason


def test_what_no_memory_holds_is_refused() -> None:
    tiny = Machine("a small machine", 1e10, 1 << 20, "made up")
    with pytest.raises(ResourceError, match=r"no model fits: even 32 x 2 .* a small machine has 1 MiB"):
        choose(candidates(32_000), TEXT, Budget(hours=1), tiny, None)


def test_a_recipe_that_cannot_fit_is_refused_and_told_what_would() -> None:
    machine = Machine("this machine", 1e10, 8 << 30, "made up")
    settings = TrainingSpec(global_batch=256, micro_batch=64, learning_rate=1e-3, warmup_steps=10)
    own = settle(ModelSpec(preset="124M"), 10**6, TEXT, Budget(), machine, None, settings)
    with pytest.raises(ResourceError, match=r"this machine has 8 GiB; set `training.micro_batch: \d+`"):
        require_room(own, settings, machine, TEXT)
    large = settle(ModelSpec(preset="1.7B"), 10**6, TEXT, Budget(), machine, None, settings)
    with pytest.raises(ResourceError, match=r"smaller `model\.preset`"):
        require_room(large, settings, machine, TEXT)


def test_rows_at_once_are_halved_until_they_fit() -> None:
    roomy, tight = (largest_micro_batch(ModelSpec(preset="25M"), TEXT, 256, gib << 30) for gib in (80, 4))
    assert roomy > tight >= 1
    assert describe(ModelSpec(preset="25M"), TEXT.vocabulary, TEXT.sequence_length, tight).training_bytes <= 4 << 30


def test_shapes_come_by_size_and_presets_keep_their_names() -> None:
    shapes = list(candidates(32_000))
    sizes = [count_parameters(each.shape, 32_000)[0] for each in shapes]
    assert sizes == sorted(sizes)
    assert set(PRESETS) <= {label(each) for each in shapes}
    assert label(of_width(320)) == "320 x 7"
    assert preset_shape("25M").shape in [each.shape for each in shapes]


def test_rules_grow_and_shrink_the_way_they_should() -> None:
    assert learning_rate(100_000_000, 2e9) > learning_rate(1_000_000_000, 2e9)
    assert 2e-4 < learning_rate(1_000_000_000, 2e10) < 2e-3
    assert [batch_rows(tokens, 1024) for tokens in (1e6, 1e9, 1e11)] == sorted(
        batch_rows(tokens, 1024) for tokens in (1e6, 1e9, 1e11)
    )
    assert batch_rows(1e3, 1024) == 1
