"""Recipe -> stages -> artifacts: what is done already is not done again. Ray starts only when something is to be done."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from app.recipe import Recipe
from app.registry.registry import open_registry
from app.registry.revision import Revision
from cluster.artifacts import Artifact
from cluster.capacity import current_room
from cluster.config import RecipeFile
from cluster.observe.progress import Reporter
from cluster.room import Room
from cluster.session import session
from cluster.stage import StageContext, open_context
from workloads.models.size import describe


@dataclass(frozen=True)
class Outcome:
    """What a run of a recipe ends with."""

    corpus: Artifact
    tokenizer: Artifact
    tokens: Artifact
    model: Artifact
    evaluation: Artifact
    revision: Revision


class LazySession:
    """A Ray session that starts when first asked for and ends with the block; other blocks can share it."""

    def __init__(self, address: str, cpus: int, reporter: Reporter) -> None:
        self._address, self._cpus, self._reporter = address, cpus, reporter
        self._stack = ExitStack()
        self.started = False

    def ensure(self) -> None:
        """Start Ray unless it runs."""
        if self.started:
            return
        self._reporter.start("ray", "")
        running = self._stack.enter_context(session(self._address, self._cpus))
        self.started = True
        self._reporter.finish("ray", "done", address=running.address, cpus=running.cpus, gpus=running.gpus)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def lazy_session(address: str, cpus: int, reporter: Reporter) -> Iterator[LazySession]:
    """A session for the time of the block, started on demand."""
    lazy = LazySession(address, cpus, reporter)
    try:
        yield lazy
    finally:
        lazy.close()


def context_of(file: RecipeFile, recipe: Recipe, reporter: Reporter, before_work: Callable[[], None]) -> StageContext:
    """The context of a whole recipe: every artifact keeps the recipe with all defaults filled in."""
    return open_context(file, reporter, before_work, recipe.to_json())


def run_pipeline(recipe: Recipe, context: StageContext) -> Outcome:
    """Every stage in order. Raises what a stage raises; what was committed before stays and is not done again.

    Before anything that leads to a model runs, it tells what the model will cost: the work on the text comes first.
    """
    from workloads.corpus.stage import build_corpus
    from workloads.evaluation.stage import evaluate_model
    from workloads.serving.builds.stage import build_engine
    from workloads.tokenizer.stage import pack_tokens, train_tokenizer
    from workloads.training.stage import train_model

    before = replace(context, before_work=functools.cache(lambda: _begin(recipe, context)))
    corpus = build_corpus(recipe.corpus, before)
    tokenizer = train_tokenizer(recipe.tokenizer, corpus, before)
    tokens = pack_tokens(recipe.tokens, corpus, tokenizer, before)
    model = train_model(recipe.training, recipe.model, tokens, tokenizer, context)
    evaluation = evaluate_model(recipe.evaluation, model, corpus, context)
    build_engine(recipe.serving, model, corpus, context)
    revision = _register(recipe, model, evaluation, context)
    return Outcome(corpus, tokenizer, tokens, model, evaluation, revision)


def _begin(recipe: Recipe, context: StageContext) -> None:
    """What the model costs if the tokenizer gets as large as asked for; training tells it again with what there is."""
    vocabulary = recipe.tokenizer.vocab_size
    cost = describe(recipe.model, vocabulary, recipe.tokens.sequence_length, recipe.training.micro_batch)
    context.reporter.note("model_planned", preset=recipe.model.preset, vocabulary=vocabulary, **cost.facts())
    context.before_work()
    if not recipe.training.gpus_per_worker:  # what a GPU holds its worker knows, and refuses
        _require_memory(recipe, current_room())


def _require_memory(recipe: Recipe, room: Room) -> None:
    """Raises ResourceError, before any text is read, where no machine could hold a worker of the training."""
    import torch

    from workloads.training.fit import memory_of, require_fit, training_cost

    vocabulary, length = recipe.tokenizer.vocab_size, recipe.tokens.sequence_length
    known = [int(each.get("memory", 0)) for each in room.total]  # a private session's is what was free when it started
    available = max([memory_of(torch.device("cpu")), *known])
    micro = min(recipe.training.micro_batch, recipe.training.global_batch)
    cost_of = functools.partial(training_cost, recipe.training, recipe.model, vocabulary, length)
    require_fit(cost_of, micro, available, "the largest machine")


def _register(recipe: Recipe, model: Artifact, evaluation: Artifact, context: StageContext) -> Revision:
    registry = open_registry(recipe.registry, context)
    if known := registry.registered(model, evaluation):
        context.reporter.finish("registry", "already done", revision=known.name)
        return known
    context.reporter.start("registry", "")
    revision = registry.register(model, evaluation)
    context.reporter.finish("registry", "done", revision=revision.name, aliases=" ".join(revision.aliases))
    return revision
