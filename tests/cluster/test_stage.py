"""A stage: done once, found the second time, and nothing half-made after a failure."""

from pathlib import Path

import pytest

from cluster.artifacts import ArtifactStore
from cluster.config import read_recipe
from cluster.draft import Draft
from cluster.errors import ArtifactError, Interrupted, RecipeError
from cluster.garbage import garbage
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter
from cluster.stage import StageContext, open_context, run_stage

WORK = Work("corpus", {"rule": 1}, {"raw": "abc"}, stage_version=1)


def build(draft: Draft) -> dict[str, int]:
    draft.write("documents/part-00000.txt", "春眠不觉晓".encode())
    draft.counts["documents_read"] = 1
    return {"kept": 1}


def refuse(draft: Draft) -> None:
    raise AssertionError("done work was done again")


def test_the_same_work_is_done_once(context: StageContext) -> None:
    first = run_stage(context, "corpus", "documents", WORK, build)
    second = run_stage(context, "corpus", "documents", WORK, refuse)
    assert first.manifest == second.manifest
    assert context.store.ref("test", "corpus").fingerprint == WORK.fingerprint


def test_ray_starts_only_when_there_is_something_to_do(store: ArtifactStore) -> None:
    started: list[str] = []
    context = StageContext("test", store, SilentReporter(), before_work=lambda: started.append("ray"))
    run_stage(context, "corpus", "documents", WORK, build)
    assert started == ["ray"]
    run_stage(context, "corpus", "documents", WORK, refuse)
    assert started == ["ray"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("asked to stop"), ValueError("broken")])
def test_a_stage_that_fails_or_is_stopped_leaves_nothing(context: StageContext, error: BaseException) -> None:
    def fail(draft: Draft) -> None:
        draft.write("half.txt", b"half")
        raise error

    with pytest.raises(type(error)):
        run_stage(context, "corpus", "documents", WORK, fail)
    assert context.store.find(WORK) is None
    assert garbage(context.store) == []
    with pytest.raises(ArtifactError, match=r"has no corpus yet.*workloads\.corpus"):
        context.store.ref("test", "corpus")


def test_a_context_needs_the_top_level_keys_only(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: shop\nseed: 3\ncorpus: {whatever: 1}\n", encoding="utf-8")
    context = open_context(read_recipe(str(file)), SilentReporter())
    assert (context.name, context.seed, context.store.root.path) == ("shop", 3, str(tmp_path / "runs"))
    assert context.resolve("data/x.jsonl") == str(tmp_path / "data" / "x.jsonl")
    assert context.resolve("s3://bucket/x") == "s3://bucket/x"


def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("seed: 1\nname: ../elsewhere\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"line 2: name = '\.\./elsewhere' is not usable"):
        open_context(read_recipe(str(file)), SilentReporter())


def test_a_misspelt_section_is_refused_also_where_one_workload_reads_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: shop\ntrainning: {steps: 5}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"line 2: unknown key 'trainning'.*did you mean 'training'\?"):
        open_context(read_recipe(str(file)), SilentReporter())
