"""The trials that a search draws."""

import pytest
from pydantic import ValidationError

from cluster.errors import RecipeError
from workloads.training.job import TokenCounts
from workloads.training.planning.trials import draw_trials, trial_rows
from workloads.training.planning.tune_spec import Dimension, TuneSpec
from workloads.training.spec import TrainingSpec

COUNTS = TokenCounts(
    rows_train=4000, rows_heldout=50, tokens_train=64_000, sequence_length=16, vocabulary=64, characters_train=90_000
)
BASE = TrainingSpec(epochs=1, global_batch=16, micro_batch=8)
SPACE = TuneSpec(
    space={"learning_rate": Dimension(low=1e-4, high=1e-2), "global_batch": Dimension(choices=(8, 16, 32))},
    trials=12,
    share=0.5,
)


def test_the_first_is_the_recipe_and_all_are_of_one_length() -> None:
    trials = draw_trials(SPACE, BASE, COUNTS, seed=1)
    assert len(trials) == 12
    assert trials[0].values == {"learning_rate": BASE.learning_rate, "global_batch": 16}
    assert trial_rows(SPACE, BASE, COUNTS) == 2000
    assert all(abs(each.rows - 2000) <= each.training.global_batch / 2 for each in trials)
    assert all(each.training.learning_rate == each.values["learning_rate"] for each in trials)
    assert len({str(each.values) for each in trials}) == 12


def test_a_seed_draws_the_same_and_another_others() -> None:
    assert draw_trials(SPACE, BASE, COUNTS, seed=1) == draw_trials(SPACE, BASE, COUNTS, seed=1)
    assert draw_trials(SPACE, BASE, COUNTS, seed=1) != draw_trials(SPACE, BASE, COUNTS, seed=2)


def test_values_lie_within_their_bounds_and_whole_settings_are_whole() -> None:
    space = TuneSpec(
        space={"warmup_steps": Dimension(low=1, high=400), "clip": Dimension(low=0, high=2, scale="linear")}, trials=30
    )
    for each in draw_trials(space, BASE, COUNTS, seed=1):
        assert isinstance(each.training.warmup_steps, int)
        assert 1 <= each.training.warmup_steps <= 400
        assert 0 <= each.training.clip <= 2


def test_a_small_space_gives_fewer_trials_and_an_empty_one_is_refused() -> None:
    assert len(draw_trials(TuneSpec(space={"global_batch": Dimension(choices=(8, 16, 32))}), BASE, COUNTS, seed=1)) == 3
    with pytest.raises(RecipeError, match="nothing to try"):
        draw_trials(TuneSpec(space={"global_batch": Dimension(choices=(16,))}), BASE, COUNTS, seed=1)
    with pytest.raises(RecipeError, match="greater than or equal"):
        draw_trials(TuneSpec(space={"global_batch": Dimension(choices=(-1,))}), BASE, COUNTS, seed=1)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"space": {"steps": {"low": 1, "high": 2}}}, "cannot be searched"),
        ({"space": {"clip": {"low": 2, "high": 1}}}, "must be below"),
        ({"space": {"clip": {"low": 0, "high": 1}}}, "log scale"),
        ({"space": {"clip": {"low": 1}}}, "either choices"),
        ({"space": {"clip": {"low": 1, "high": 2, "choices": [1]}}}, "either choices"),
    ],
)
def test_what_is_no_space_is_refused(values: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TuneSpec.model_validate(values)
