"""The recipe's `corpus` section: what is read and what is kept."""

from collections.abc import Callable
from typing import Self

from pydantic import Field, field_validator, model_validator

from cluster.config import Spec
from cluster.manifest import Json
from workloads.corpus.calibrate_spec import CalibrateSpec
from workloads.corpus.checks_spec import LexiconSpec, PersonalDataSpec
from workloads.corpus.decontamination.spec import DecontaminationSpec
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.learned.spec import THRESHOLDS, PerplexitySpec, QualitySpec, threshold_of, without_paths
from workloads.corpus.reading.spec import InputSpec, ReadingSpec
from workloads.corpus.rules_spec import RulesSpec
from workloads.text.convert import Target

__all__ = ["CorpusSpec", "InputSpec", "ReadingSpec"]


class CorpusSpec(Spec):
    """Every dropped document is counted under the name of its rule."""

    inputs: tuple[InputSpec, ...] = Field(
        (InputSpec(path="raw/"),), min_length=1, description="what to read, paths or mappings"
    )
    reading: ReadingSpec = Field(default=ReadingSpec(), description="what is too large to be read")
    rules: RulesSpec = Field(RulesSpec(), description="what is kept, by thresholds; null switches a rule off")
    quality: QualitySpec | None = Field(default=None, description="a quality model that was taught, asked after the rules")
    perplexity: PerplexitySpec | None = Field(default=None, description="a perplexity model that was taught, asked last")
    calibrate: CalibrateSpec = Field(CalibrateSpec(), description="thresholds taken from the corpus itself, by source")
    convert: Target = Field(default="none", description="write every document in one script: none, simplified or traditional")
    remove_boilerplate: bool = Field(default=True, description="take out navigation, copyright and similar lines")
    recurring_share: float = Field(
        default=0.5, gt=0, le=1, description="a short line in this share of a source's documents is boilerplate"
    )
    recurring_documents: int = Field(default=20, ge=2, description="... and in at least this many of them")
    personal_data: PersonalDataSpec = Field(default=PersonalDataSpec(), description="what is done with personal data")
    lexicon: LexiconSpec = Field(default=LexiconSpec(), description="the user's own list of words to look for")
    duplicates: DuplicatesSpec = Field(DuplicatesSpec(), description="which documents are copies, and which of them stays")
    decontamination: DecontaminationSpec = Field(
        DecontaminationSpec(), description="evaluation sets whose items must not be trained on"
    )
    heldout_share: float = Field(
        default=0.02, ge=0, lt=1, description="share of documents held out for evaluation (at least one)"
    )
    base: str = Field(
        default="",
        description="a corpus to extend (name of its run, fingerprint or URI): `inputs` are new beside it, and copies of what "
        "it holds are dropped",
    )
    removed: str = Field(
        default="",
        description="a file of document ids, one a line, that are taken down: they leave the corpus once it is built",
    )
    split_bytes: int = Field(
        default=64 << 20, ge=1 << 10, description="a larger file is read by several tasks, if it can be cut"
    )

    @field_validator("inputs", mode="before")
    @classmethod
    def _plain_paths(cls, value: object) -> object:
        """A path may stand where a mapping may: `inputs: [raw/]`, and one alone needs no list."""
        items = [value] if isinstance(value, str | dict) else value
        if not isinstance(items, list | tuple):
            return items
        return [{"path": item} if isinstance(item, str) else item for item in items]

    @model_validator(mode="after")
    def _calibrated_models_are_there(self) -> Self:
        for rule, (part, _) in THRESHOLDS.items():
            if rule in self.calibrate.rules.given() and getattr(self, part) is None:
                raise ValueError(f"`calibrate.rules.{rule}` needs a model: give `{part}.model`, or leave it out")
        return self

    def thresholds(self) -> dict[str, float]:
        """By name of the rule, of the rules that are on."""
        section = self.to_json()
        learned = {rule: threshold_of(rule, section) for rule in THRESHOLDS}
        return self.rules.thresholds() | {rule: value for rule, value in learned.items() if value is not None}

    def with_paths(self, resolve: Callable[[str], str]) -> "CorpusSpec":
        """Every path in it resolved, for a recipe that travels to another folder."""
        inputs = tuple(each.model_copy(update={"path": resolve(each.path)}) for each in self.inputs)
        sets = tuple(each.model_copy(update={"path": resolve(each.path)}) for each in self.decontamination.sets)
        decontamination = self.decontamination.model_copy(update={"sets": sets})
        duplicates = self.duplicates.with_paths(resolve)
        lists = {"files": tuple(map(resolve, self.lexicon.files)), "exceptions": tuple(map(resolve, self.lexicon.exceptions))}
        changed = {
            "decontamination": decontamination,
            "duplicates": duplicates,
            "lexicon": self.lexicon.model_copy(update=lists),
            **self._models(resolve),
        }
        removed = resolve(self.removed) if self.removed else ""
        return self.model_copy(update={"inputs": inputs, "removed": removed, **changed})

    def _models(self, resolve: Callable[[str], str]) -> dict[str, object]:
        return {
            name: part.model_copy(update={"model": resolve(part.model)})
            for name, part in (("quality", self.quality), ("perplexity", self.perplexity))
            if part
        }

    def identity(self) -> dict[str, Json]:
        """What the corpus depends on: all but how the reading is spread, and what is given by content (base, models) or is
        done to the corpus when it is there (removed)."""
        section = {**self.to_json(), "duplicates": self.duplicates.identity()}
        return {key: value for key, value in without_paths(section).items() if key not in ("split_bytes", "base", "removed")}
