"""The trials of a search: drawn from the space by a seed, each a training of the same number of rows. Pure; search.py runs them."""

import math
import random
from dataclasses import dataclass

from pydantic import ValidationError

from cluster.errors import RecipeError
from cluster.manifest import Json
from workloads.training.job import TokenCounts
from workloads.training.planning.tune_spec import Dimension, TuneSpec
from workloads.training.spec import TrainingSpec

_LOOKS = 9  # at the held-out loss, evenly over a trial
_HELDOUT_ROWS = 256
_DRAWS = 100  # for one trial: drawing the same again, or what no training can have, is drawn anew


@dataclass(frozen=True)
class Trial:
    """`values` of the searched settings; number 0 has the recipe's own."""

    number: int
    values: dict[str, Json]
    training: TrainingSpec

    @property
    def rows(self) -> int:
        return self.training.plan.start(self.training.steps or 0)


def trial_rows(tune: TuneSpec, base: TrainingSpec, counts: TokenCounts) -> int:
    """Rows of a whole trial, at most one pass over the text."""
    whole = base.plan.start(base.steps) if base.steps is not None else base.epochs * counts.rows_train
    return max(1, min(counts.rows_train, round(tune.share * whole)))


def draw_trials(tune: TuneSpec, base: TrainingSpec, counts: TokenCounts, seed: int) -> list[Trial]:
    """The recipe's own settings and `trials` - 1 others; fewer where the space has no more. Raises RecipeError for a space of which
    nothing can be trained."""
    generator, rows = random.Random(seed), trial_rows(tune, base, counts)
    own: dict[str, Json] = {key: base.to_json()[key] for key in tune.space}
    found = [Trial(0, own, _training(base, {}, rows, counts))]
    reason = ""
    for _ in range(_DRAWS * tune.trials):
        if len(found) == tune.trials:
            break
        values = {key: draw(dimension, generator, isinstance(own[key], int)) for key, dimension in tune.space.items()}
        if any(values == each.values for each in found):
            continue
        try:
            found.append(Trial(len(found), values, _training(base, values, rows, counts)))
        except ValidationError as error:
            reason = f": {error.errors()[0]['msg']}"
    if len(found) < 2:
        raise RecipeError(f"tune.space holds nothing to try beside the recipe itself{reason}", "", "widen the space")
    return found


def draw(dimension: Dimension, generator: random.Random, whole: bool) -> Json:
    """One value; a whole number where the setting is one."""
    if dimension.choices is not None:
        return generator.choice(dimension.choices)
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.scale == "log":
        value = math.exp(generator.uniform(math.log(dimension.low), math.log(dimension.high)))
    else:
        value = generator.uniform(dimension.low, dimension.high)
    return round(value) if whole else float(f"{value:.3g}")


def _training(base: TrainingSpec, values: dict[str, Json], rows: int, counts: TokenCounts) -> TrainingSpec:
    settings = {**base.to_json(), **values, "workers": 1, "min_workers": None}
    plan = TrainingSpec.model_validate(settings).plan
    steps = max(1, plan.steps_for(rows - plan.global_batch // 2))
    settings |= {
        "steps": steps,
        "minutes": None,
        "stop_when_flat": None,
        "evaluate_every": max(1, steps // _LOOKS),
        "evaluate_rows": min(counts.rows_heldout, _HELDOUT_ROWS),
        "checkpoint_every": max(1, steps // _LOOKS),
        "keep_checkpoints": 1,
        "tracking_uri": "",
    }
    return TrainingSpec.model_validate(settings)
