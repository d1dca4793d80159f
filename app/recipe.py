"""The one YAML file: the specs of the workloads, composed. Not for what a key means: each spec says that itself."""

from collections.abc import Sequence

from app.registry.spec import RegistrySpec
from app.release.spec import ReleaseSpec
from cluster.config import RecipeFile, read_recipe
from cluster.stage import RunSpec
from workloads.corpus.spec import CorpusSpec
from workloads.evaluation.spec import EvaluationSpec
from workloads.models.spec import ModelSpec
from workloads.serving.spec import ServingSpec
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.training.planning.tune_spec import TuneSpec
from workloads.training.spec import TrainingSpec


class Recipe(RunSpec):
    """A whole recipe: frozen, every default filled in, unknown keys refused."""

    corpus: CorpusSpec
    tokenizer: TokenizerSpec = TokenizerSpec()
    tokens: TokensSpec = TokensSpec()
    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()
    tune: TuneSpec = TuneSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    registry: RegistrySpec = RegistrySpec()
    serving: ServingSpec = ServingSpec()
    release: ReleaseSpec = ReleaseSpec()


def load_recipe(path: str, overrides: Sequence[str] = ()) -> tuple[RecipeFile, Recipe]:
    """The file as read and the recipe it resolves to. Raises RecipeError with the line and the nearest allowed key."""
    file = read_recipe(path, overrides)
    return file, file.whole(Recipe)
