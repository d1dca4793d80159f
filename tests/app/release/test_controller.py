"""A release from the wish to its end, also where everything goes wrong: the old revision serves whatever happens."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from app.gateway.observation import Observation
from app.release.hooks import Hook
from app.release.spec import ReleaseSpec
from app.release.state import SHADOW, Phase
from cluster.artifacts import ArtifactStore
from cluster.errors import UserError
from tests.app.release.conftest import Scene, answer, sampled


def test_a_good_revision_takes_over_in_steps_and_the_old_one_goes_last(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        assert scene.release.step == SHADOW
        assert scene.fleet.shares == {"tiny@2": 0.0, "tiny@1": 1.0}
        assert scene.fleet.table[0].shadow == scene.spec.shadow
        seen = []
        for _ in range(40):
            seen.append(scene.release.share)
            assert scene.release.phase.final or 1 in scene.fleet.there, "the old one is warm until the end"
            await scene.traffic(1)
            await scene.ticks()
        assert sorted(set(seen)) == [0.0, 0.1, 0.5, 1.0]
        assert seen == sorted(seen)

    asyncio.run(run())
    assert scene.release.phase is Phase.PROMOTED
    assert scene.release.closed
    assert scene.fleet.shares == {"tiny@2": 1.0}
    assert scene.fleet.there == [2]
    assert scene.book.current == 2
    assert scene.book.actions == ["start", "step", "step", "step", "step", "promote"]


def test_at_full_share_copies_go_to_the_old_one_so_that_there_is_something_to_judge_by(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        while scene.release.share < 1:
            await scene.traffic(1)
        await scene.ticks()

    asyncio.run(run())
    trial, old = scene.fleet.table
    assert (trial.weight, old.weight, old.shadow) == (1.0, 0.0, scene.spec.shadow)


def failing(trial: bool, number: int) -> Observation:
    return replace(answer(trial, number), failed="unavailable" if trial else "")


def slow(trial: bool, number: int) -> Observation:
    return replace(answer(trial, number), first_token=0.5 if trial else 0.1)


def silly(trial: bool, number: int) -> Observation:
    return replace(answer(trial, number), faults=("repetition",) if trial else ())


def test_one_that_fails_is_slow_or_silly_goes_back_and_the_log_says_why(store: ArtifactStore, spec: ReleaseSpec) -> None:
    for kind, word in ((failing, "errors: "), (slow, "first_token: "), (silly, "repetition: ")):
        scene = Scene(store, spec)

        async def run(scene: Scene = scene, kind: object = kind) -> None:
            await scene.wish("start", revision=2)
            await scene.traffic(40, kind)  # type: ignore[arg-type]
            await scene.ticks()

        asyncio.run(run())
        assert scene.release.phase is Phase.ROLLED_BACK
        assert scene.fleet.shares == {"tiny@1": 1.0}
        assert scene.fleet.there == [1]
        assert scene.book.current == 1
        assert scene.book.lines[-1][:3] == ("release_rollback", 2, 1)
        assert scene.book.lines[-1][3].startswith(word)
        assert scene.release.share == 0.0


def test_one_whose_texts_are_worse_goes_back_by_that_alone(scene: Scene) -> None:
    scene.examiner.bits_of["tiny@2"] = 4.5

    async def run() -> None:
        await scene.wish("start", revision=2)
        await scene.traffic(40, sampled)
        await scene.ticks()

    asyncio.run(run())
    assert scene.release.phase is Phase.ROLLED_BACK
    assert scene.book.lines[-1][3].startswith("bits: 4.500 bits per character against 4.000, worse on ")


def test_a_hook_of_the_company_judges_too(store: ArtifactStore) -> None:
    hook = Hook("ours:polite", lambda prompt, answer: "谢" in answer)
    spec = ReleaseSpec(steps=(0.5, 1.0), hold_seconds=60, least_samples=10, hooks=("ours:polite",))
    scene = Scene(store, spec, hooks=(hook,))

    def rude(trial: bool, number: int) -> Observation:
        seen = sampled(trial, number)
        assert seen.sample is not None
        return replace(seen, sample=replace(seen.sample, answer="不" if trial else "谢谢"))

    async def run() -> None:
        await scene.wish("start", revision=2)
        await scene.traffic(50, rude)

    asyncio.run(run())
    assert scene.release.phase is Phase.ROLLED_BACK
    assert "ours:polite" in scene.release.decisions[-1].reason


def test_one_that_does_not_load_never_gets_a_request(scene: Scene) -> None:
    scene.fleet.broken = "revision tiny@2 did not come up"
    asyncio.run(scene.wish("start", revision=2))
    assert scene.release.phase is Phase.ROLLED_BACK
    assert scene.fleet.shares == {"tiny@1": 1.0}
    assert "did not come up" in scene.book.lines[-1][3]


def test_while_it_loads_the_old_one_serves_and_an_abort_waits_for_the_loading_to_end(scene: Scene) -> None:
    async def run() -> None:
        scene.fleet.loads.clear()
        await scene.wish("start", revision=2)
        assert scene.release.phase is Phase.WAITING
        assert scene.fleet.shares == {"tiny@1": 1.0}
        await scene.wish("promote")
        assert "not loaded yet" in scene.look.note
        await scene.wish("abort")
        assert scene.release.phase is Phase.ABORTED
        assert not scene.release.closed
        scene.fleet.loads.set()
        await scene.ticks()

    asyncio.run(run())
    assert scene.release.closed
    assert scene.fleet.there == [1], "what came up too late is gone"


def test_one_that_answers_garbage_is_found_before_it_gets_a_request(scene: Scene) -> None:
    scene.examiner.found = "it knows plain text badly"
    asyncio.run(scene.wish("start", revision=2))
    assert scene.release.phase is Phase.ROLLED_BACK
    assert scene.book.actions == ["start", "rollback"]


def test_one_whose_replicas_are_gone_goes_back_without_statistics(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        scene.fleet.running[2] = 0
        scene.fleet.running[1] = 0
        await scene.ticks()
        assert scene.release.phase is Phase.CANARY, "the old one has none either: that is no fault of the new one"
        scene.fleet.running[1] = 1
        await scene.ticks()

    asyncio.run(run())
    assert scene.release.phase is Phase.ROLLED_BACK
    assert "no replica" in scene.book.lines[-1][3]


def test_another_process_goes_on_where_the_release_was(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        while scene.release.share < 0.5:
            await scene.traffic(1)
        scene.fleet.there.remove(2)
        scene.start_controller()
        assert scene.release.share == 0.5
        await scene.ticks()
        assert 2 in scene.fleet.there
        assert scene.fleet.shares == {"tiny@2": 0.5, "tiny@1": 0.5}
        while not scene.release.phase.final:
            await scene.traffic(1)
        await scene.ticks()

    asyncio.run(run())
    assert scene.release.phase is Phase.PROMOTED
    assert scene.book.actions == ["start", "step", "step", "step", "step", "promote"], "every decision is told once"


def test_what_was_decided_and_not_told_is_told_by_the_next(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        scene.book.down = True
        scene.fleet.running[2] = 0
        for _ in range(3):
            with suppress(UserError):  # as the actor does
                await scene.ticks(1)
        assert scene.fleet.shares == {"tiny@1": 1.0}, "what is routed does not wait for the log"
        scene.book.down = False
        scene.start_controller()
        await scene.ticks()

    asyncio.run(run())
    assert scene.release.closed
    assert scene.book.actions[-1] == "rollback"
    assert scene.book.actions.count("rollback") == 1


def test_a_promotion_cut_off_before_the_alias_moved_is_ended_by_the_next(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        kept = replace(scene.release, phase=Phase.PROMOTED)
        scene.desk.save(kept)
        scene.fleet.there.remove(2)
        scene.start_controller()
        await scene.ticks(5)

    asyncio.run(run())
    assert scene.book.current == 2
    assert scene.fleet.there == [2]
    assert scene.fleet.shares == {"tiny@2": 1.0}


def test_people_have_the_last_word(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2)
        await scene.wish("start", revision=3)
        assert "under way" in scene.look.note
        await scene.wish("promote")
        assert scene.book.current == 2
        await scene.wish("rollback")
        await scene.ticks(6)
        assert scene.book.current == 1
        assert scene.fleet.shares == {"tiny@1": 1.0}
        await scene.wish("abort")
        assert "no release is under way" in scene.look.note
        await scene.wish("start", revision=1)
        assert "production already" in scene.look.note
        await scene.wish("start", revision=9)
        assert "no evaluation" in scene.look.note
        await scene.wish("start", revision=2)
        await scene.wish("rollback")

    asyncio.run(run())
    assert scene.release.phase is Phase.ROLLED_BACK
    assert scene.fleet.there == [1]


def test_a_comparison_holds_its_share_until_it_is_sure(scene: Scene) -> None:
    def rated(trial: bool, number: int) -> Observation:
        return Observation("tiny", trial, rating=1 if trial or number % 2 else -1) if number % 3 == 0 else answer(trial, number)

    async def run() -> None:
        await scene.wish("start", revision=2, compare="rating", share=0.5)
        assert scene.fleet.shares == {"tiny@2": 0.5, "tiny@1": 0.5}
        await scene.traffic(100, rated)

    asyncio.run(run())
    assert scene.release.phase is Phase.PROMOTED
    assert any("better than the old one (rating: difference -0." in each.reason for each in scene.release.decisions)


def test_a_comparison_without_a_difference_ends_with_the_old_one(scene: Scene) -> None:
    async def run() -> None:
        await scene.wish("start", revision=2, compare="faults", share=0.5, most_samples=100)
        await scene.traffic(100)

    asyncio.run(run())
    assert scene.release.phase is Phase.ROLLED_BACK
    assert "not better than the old one" in scene.release.decisions[-1].reason
