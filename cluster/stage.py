"""What every stage does the same way: look whether the work is done, else do it, commit, and remember it for the next.

Not for the order of stages (app/pipeline.py) and not for what a stage does (workloads/).
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from cluster.artifacts import Artifact, ArtifactStore
from cluster.config import RecipeFile, Spec
from cluster.draft import Draft
from cluster.errors import Interrupted
from cluster.manifest import Json, Work
from cluster.observe.logs import event, log_context
from cluster.observe.metrics import STAGES
from cluster.observe.progress import Reporter, Value

_LOG = logging.getLogger(__name__)


class RunSpec(Spec):
    """The top of a recipe: what is the same for every stage."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="name of the run and of the registered model")
    store: str = Field("runs", description="folder or URI of all artifacts; relative to the recipe")
    seed: int = Field(0, ge=0, description="seed of everything random")


class RecipeOutline(RunSpec):
    """The top of a recipe with the names of its sections. What is in them each workload says of its own; a misspelt name is
    refused also where one workload alone reads the recipe, and would not miss a section of another."""

    corpus: object = None
    tokenizer: object = None
    tokens: object = None
    model: object = None
    training: object = None
    tune: object = None
    evaluation: object = None
    registry: object = None
    serving: object = None
    release: object = None


def _nothing() -> None:
    """The surroundings are ready already."""


@dataclass(frozen=True)
class StageContext:
    """What a stage is given beside its own spec and inputs. `folder` is where the recipe's relative paths start;
    `before_work` is called when a stage finds that it has something to do (a Ray session starts then, not before)."""

    name: str
    store: ArtifactStore
    reporter: Reporter
    seed: int = 0
    folder: Path = field(default_factory=Path.cwd)
    recipe: Mapping[str, Json] = field(default_factory=dict)
    before_work: Callable[[], None] = _nothing

    def resolve(self, path: str) -> str:
        """A path or URI of the recipe, made absolute."""
        return resolve_path(self.folder, path)


def resolve_path(folder: Path, path: str) -> str:
    """A URI as it is; a local path made absolute from `folder`."""
    return path if "://" in path else str((folder / Path(path).expanduser()).resolve())


def open_context(
    recipe: RecipeFile,
    reporter: Reporter,
    before_work: Callable[[], None] = _nothing,
    resolved: Mapping[str, Json] | None = None,
) -> StageContext:
    """The context of a recipe file, from its top-level keys alone. `resolved` is the whole recipe with all defaults,
    where the caller knows it; it is saved with every artifact. Raises RecipeError for a section that there is not."""
    run = recipe.whole(RecipeOutline)
    store = ArtifactStore(resolve_path(recipe.folder, run.store))
    return StageContext(run.name, store, reporter, run.seed, recipe.folder, resolved or recipe.values, before_work)


def run_stage(
    context: StageContext, stage: str, unit: str, work: Work, build: Callable[[Draft], Mapping[str, Value] | None]
) -> Artifact:
    """The artifact of `work`: found, or made by `build`, which fills the draft and may return facts to show.

    Does nothing if done. Whatever `build` raises, nothing half-made is left behind.
    """
    with log_context(run=context.name, stage=stage):
        return _run_stage(context, stage, unit, work, build)


def _run_stage(
    context: StageContext, stage: str, unit: str, work: Work, build: Callable[[Draft], Mapping[str, Value] | None]
) -> Artifact:
    done = context.store.find(work)
    if done is not None:
        context.store.set_ref(context.name, done)
        _finish(context, stage, "already done", {work.kind: done.location.name})
        return done
    context.before_work()
    context.reporter.start(stage, unit)
    event(_LOG, "stage_start", kind=work.kind, fingerprint=work.fingerprint)
    started = time.monotonic()
    facts: Mapping[str, Value] | None = None
    try:
        with context.store.draft(work, context.recipe) as draft:
            facts = build(draft)
    except (KeyboardInterrupt, Interrupted):
        _finish(context, stage, "stopped", {}, time.monotonic() - started)
        raise
    except BaseException as error:
        _finish(context, stage, "failed", {}, time.monotonic() - started, f"{type(error).__name__}: {error}")
        raise
    artifact = context.store.open(work.kind, work.folder)
    context.store.set_ref(context.name, artifact)
    _finish(context, stage, "done", {work.kind: artifact.location.name, **(facts or {})}, time.monotonic() - started)
    return artifact


def _finish(
    context: StageContext, stage: str, outcome: str, facts: Mapping[str, Value], seconds: float = 0.0, error: str = ""
) -> None:
    """Tell all who listen how the stage ended."""
    context.reporter.finish(stage, outcome, **facts)
    STAGES.record(run=context.name, stage=stage, outcome=outcome)
    level = logging.ERROR if error else logging.INFO
    event(_LOG, "stage_end", level, outcome=outcome, seconds=round(seconds, 3), error=error, **facts)
