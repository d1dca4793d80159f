"""What admission makes of a job and of the replicas' word."""

import asyncio

import pytest

from app.gateway.job import Job
from app.gateway.limits.admission import Admission, size_of
from app.gateway.limits.caller import Caller
from app.gateway.limits.gate import Size
from app.gateway.models import Served
from app.gateway.template import ChatTemplate
from app.gateway.vocabulary import Vocabulary
from cluster.errors import OverloadedError, UnavailableError
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Request, Stats
from workloads.serving.gateway_spec import LimitsSpec


class Replicas:
    """As many slots as `slots` says; None: nobody answers."""

    def __init__(self, slots: int | None) -> None:
        self.slots = slots

    async def __call__(self, app: str) -> Stats:
        if self.slots is None:
            raise UnavailableError("gone")
        return Stats(slots=self.slots)


def job(card: ModelCard, app: str = "model-7", choices: int = 1) -> Job:
    served = Served("tiny", "7", app, card, Vocabulary(card.tokenizer), ChatTemplate("", {}))
    requests = tuple(Request(str(number), (1, 2, 3), 7) for number in range(choices))
    return Job(served, ((1, 2, 3),), requests, ())


async def taken(admission: Admission, wanted: Job) -> int:
    """Places that can be held at once when nobody may wait, once the replicas have been asked."""
    async with admission.place(wanted, Caller()):
        await asyncio.sleep(0.01)
    release, held = asyncio.Event(), 0
    refused = asyncio.Event()

    async def hold() -> None:
        nonlocal held
        try:
            async with admission.place(wanted, Caller()):
                held += 1
                await release.wait()
        except OverloadedError:
            refused.set()

    tasks = [asyncio.create_task(hold()) for _ in range(40)]
    await refused.wait()
    found = held
    release.set()
    await asyncio.gather(*tasks)
    return found


def test_a_job_takes_a_slot_and_its_most_tokens_for_each_choice(card: ModelCard) -> None:
    assert size_of(job(card, choices=3)) == Size(3, 30)


@pytest.mark.parametrize(("slots", "gateways", "places"), [(8, 1, 8), (8, 2, 4), (0, 1, 4), (None, 1, 4)])
def test_the_places_are_those_of_all_copies_shared_by_all_gateways(
    card: ModelCard, slots: int | None, gateways: int, places: int
) -> None:
    """Where nobody answers or all copies sleep, the places of one copy count (4, says its card)."""

    async def run() -> None:
        admission = Admission(LimitsSpec(longest_wait=0), gateways, Replicas(slots))
        assert await taken(admission, job(card)) == places

    asyncio.run(run())


def test_gates_of_revisions_that_are_gone_do_not_pile_up(card: ModelCard) -> None:
    async def run() -> None:
        admission = Admission(LimitsSpec(), 1, Replicas(4))
        for number in range(50):
            async with admission.place(job(card, f"model-{number}"), Caller()):
                await asyncio.sleep(0)
        assert len(admission._gates) == 1
        assert len(admission._looked) <= 2

    asyncio.run(run())
