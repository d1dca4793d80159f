"""A replica that was given a build: it answers from it, and its card is still the model's. Without Ray."""

import asyncio
from pathlib import Path

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.builds.choice import BuildRef
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Sampling
from workloads.serving.replica import Replica

ASK = Request("r", (5, 6, 7), 8, Sampling(temperature=0, logprobs=1))


def answer(model: Artifact, build: BuildRef | None) -> tuple[str, Chunk]:
    replica = Replica(model.uri, model.manifest.to_json(), "7", "auto", EngineSettings(slots=2, threads=1), build)

    async def run() -> tuple[str, Chunk]:
        whole = Chunk()
        async for chunk in replica.generate(ASK, 0.0):
            whole = whole.then(chunk)
        card = await replica.card()
        assert (card.revision, card.fingerprint) == ("7", model.fingerprint)
        assert card.tokenizer
        return card.capabilities.engine, whole

    return asyncio.run(run())


def test_with_and_without_a_build_the_answer_is_the_same(tiny_folder: Path, tiny_build: Path, tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    model = commit_model(store, tiny_folder, "m")
    with store.draft(Work("engine", {}, {"model": model.fingerprint}, 1, name="e")) as draft:
        draft.upload(tiny_build)
    build = store.open("engine", "e")
    engine, built = answer(model, BuildRef(build.uri, build.manifest.to_json()))
    reference, expected = answer(model, None)
    assert (engine, reference) == ("openvino", "torch")
    assert built.token_ids == expected.token_ids
