"""Requests while a revision is on trial: nobody sees it fail, what it does is noted, copies are thrown away."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from app.gateway.http import create_app
from app.gateway.observation import Observation
from app.gateway.routes import Route
from app.gateway.service import Service
from cluster.errors import OverloadedError, RequestError, UnavailableError
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, Stats

OLD, NEW = Route("1", "model-1", 0.0), Route("2", "model-2", 1.0, trial=True, patience=0.2)
Step = Chunk | Exception | float
Play = Callable[[Request], list[Step]]


def whole(*tokens: int) -> Play:
    """One chunk per token; goes on after `resume_tokens`."""

    def play(request: Request) -> list[Step]:
        left = tokens[len(request.resume_tokens) :]
        return [*(Chunk((token,)) for token in left), Chunk(finish="stop")]

    return play


@dataclass
class TwoRevisions:
    """Each application plays its own script: chunks, errors, and seconds to wait."""

    card_: ModelCard
    plays: dict[str, Play]
    asked: list[tuple[str, Request]] = field(default_factory=list)
    cards: dict[str, ModelCard] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    taken_within: dict[str, float] = field(default_factory=dict)

    async def card(self, app: str) -> ModelCard:
        if app in self.gone:
            raise UnavailableError(f"{app} is not deployed")
        return self.cards.get(app, self.card_)

    async def stats(self, app: str) -> Stats:
        return Stats()

    async def generate(
        self, app: str, request: Request, pause: float, taken_within: float = 0.0
    ) -> AsyncGenerator[Chunk, None]:
        self.asked.append((app, request))
        self.taken_within[app] = taken_within
        for step in self.plays[app](request):
            await asyncio.sleep(step if isinstance(step, float) else 0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Chunk):
                yield step


@dataclass
class Trial:
    upstream: TwoRevisions
    service: Service

    def routes(self, *routes: Route) -> None:
        self.service.models.set_table({"tiny": routes})

    def post(self, **body: Any) -> httpx.Response:
        return self.ask([body])[0]

    def ask(self, bodies: list[dict[str, Any]], headers: dict[str, str] | None = None) -> list[httpx.Response]:
        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(create_app(self.service), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
                usual: dict[str, Any] = {"model": "tiny", "prompt": "镇上有桥", "max_tokens": 8}
                found = [await client.post("/v1/completions", json=usual | body) for body in bodies]
                for task in list(self.service.trials._copies):
                    await task
                return found

        return asyncio.run(send())

    def seen(self) -> list[Observation]:
        return self.service.trials.observer.take().get("tiny", [])


@pytest.fixture
def trial(card: ModelCard) -> Trial:
    upstream = TwoRevisions(card, {"model-1": whole(5, 6, 7), "model-2": whole(5, 6, 8)})
    made = Trial(upstream, Service(upstream, request_seconds=60))
    made.routes(NEW, OLD)
    return made


def text(trial: Trial, *tokens: int) -> str:
    return asyncio.run(trial.service.models.open("tiny", OLD)).vocabulary.decode(tokens)


def test_answers_of_both_are_noted_with_who_gave_them(trial: Trial) -> None:
    assert trial.post().headers["x-hanlin-revision"] == "2"
    trial.routes(replace(NEW, weight=0.0), replace(OLD, weight=1.0))
    assert trial.post().headers["x-hanlin-revision"] == "1"
    new, old = trial.seen()
    assert (new.trial, old.trial) == (True, False)
    assert new.seconds >= new.first_token > 0
    assert new.sample is not None
    assert new.sample.prompt == "镇上有桥"
    assert new.request == old.request != 0


def test_without_a_trial_nothing_is_noted(trial: Trial) -> None:
    trial.routes(replace(OLD, weight=1.0))
    trial.post()
    assert trial.seen() == []


FAILURES: list[list[Step]] = [
    [UnavailableError("gone")],
    [OverloadedError("full")],
    [RuntimeError("a bug")],
    [Chunk((5,)), UnavailableError("gone later")],
    [Chunk(finish="error", error="broken")],
    [5.0, Chunk((5,), finish="stop")],
]


@pytest.mark.parametrize("steps", FAILURES)
def test_a_whole_answer_that_the_trial_fails_comes_from_the_last_good_one(trial: Trial, steps: list[Step]) -> None:
    trial.upstream.plays["model-2"] = lambda request: steps
    response = trial.post()
    assert response.status_code == 200
    assert response.headers["x-hanlin-revision"] == response.json()["system_fingerprint"]
    assert response.json()["choices"][0]["text"] == text(trial, 5, 6, 7)
    assert [each.failed != "" for each in trial.seen() if each.trial] == [True]


@pytest.mark.parametrize("steps", FAILURES)
def test_so_does_a_stream_and_one_that_has_begun_goes_on(trial: Trial, steps: list[Step]) -> None:
    trial.upstream.plays["model-2"] = lambda request: steps
    response = trial.post(stream=True)
    lines = [line for line in response.text.splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    assert '"error"' not in response.text
    pieces = [line for line in lines if '"text"' in line]
    assert text(trial, 6)[0] in "".join(pieces)
    assert [each.failed != "" for each in trial.seen() if each.trial] == [True]


def test_only_a_trial_s_replicas_must_take_a_request_soon(trial: Trial) -> None:
    trial.routes(replace(NEW, patience=2.0), OLD)
    trial.upstream.plays["model-2"] = lambda request: [Chunk((5, 6)), UnavailableError("gone")]
    trial.post(stream=True)
    assert trial.upstream.taken_within == {"model-2": 0.5, "model-1": 0.0}


def test_a_stream_goes_on_from_its_last_token(trial: Trial) -> None:
    trial.upstream.plays["model-2"] = lambda request: [Chunk((5, 6)), UnavailableError("gone")]
    trial.post(stream=True)
    app, request = trial.upstream.asked[-1]
    assert (app, request.resume_tokens) == ("model-1", (5, 6))


def test_what_two_revisions_said_together_is_not_kept(trial: Trial) -> None:
    trial.upstream.plays["model-2"] = lambda request: [Chunk((5, 6)), UnavailableError("gone")]
    given = trial.ask([{"stream": True, "temperature": 0}, {"temperature": 0}])
    assert [each.headers["x-hanlin-cache"] for each in given] == ["miss", "miss"]
    assert [app for app, _ in trial.upstream.asked[:3]] == ["model-2", "model-1", "model-2"]


def test_with_another_tokenizer_a_stream_that_has_begun_says_that_it_broke(trial: Trial) -> None:
    card = trial.upstream.card_
    trial.upstream.cards["model-1"] = replace(card, tokenizer=card.tokenizer + b"\n")
    trial.upstream.plays["model-2"] = lambda request: [Chunk((5, 6)), UnavailableError("gone")]
    assert '"error"' in trial.post(stream=True).text
    assert trial.post().status_code == 200, "a whole answer is asked again from its start"


def test_what_is_the_clients_fault_stays_it(trial: Trial) -> None:
    trial.upstream.plays["model-2"] = lambda request: [RequestError("no such thing")]
    assert trial.post().status_code == 400
    assert [app for app, _ in trial.upstream.asked] == ["model-2"]
    assert trial.seen() == []


def test_where_both_fail_the_client_hears_it(trial: Trial) -> None:
    trial.upstream.plays = dict.fromkeys(("model-1", "model-2"), lambda request: [UnavailableError("gone")])
    assert trial.post().status_code == 503


def test_one_that_names_the_revision_gets_that_one(trial: Trial) -> None:
    trial.upstream.plays["model-2"] = lambda request: [UnavailableError("gone")]
    assert trial.post(model="tiny@2").status_code == 503
    assert trial.seen() == []


def test_a_trial_without_a_card_is_passed_over_and_the_endpoint_is_ready(trial: Trial) -> None:
    trial.upstream.gone = {"model-2"}
    assert trial.post().headers["x-hanlin-revision"] == "1"


def test_copies_are_seen_and_thrown_away(trial: Trial) -> None:
    trial.routes(replace(NEW, weight=0.0, shadow=1.0), replace(OLD, weight=1.0))
    response = trial.post()
    assert response.headers["x-hanlin-revision"] == "1"
    assert response.json()["choices"][0]["text"] == text(trial, 5, 6, 7)
    copy = next(each for each in trial.seen() if each.trial)
    assert copy.shadow
    assert not copy.failed
    assert {request.priority for app, request in trial.upstream.asked if app == "model-2"} == {100}


def test_a_copy_that_fails_is_noted_and_nobody_else_hears_it(trial: Trial) -> None:
    trial.upstream.plays["model-2"] = lambda request: [Chunk((5,)), RuntimeError("broken")]
    trial.routes(replace(NEW, weight=0.0, shadow=1.0), replace(OLD, weight=1.0))
    assert trial.post(stream=True).text.rstrip().endswith("[DONE]")
    assert [each.failed for each in trial.seen() if each.trial] == ["RuntimeError"]
    assert [app for app, _ in trial.upstream.asked].count("model-1") == 1


def test_a_conversation_stays_where_it_is(trial: Trial) -> None:
    trial.routes(replace(NEW, weight=0.5), replace(OLD, weight=0.5))
    for name in ("a", "b", "c", "d", "e", "f"):
        answers = trial.ask([{"prompt": f"第{turn}句"} for turn in range(4)], {"x-hanlin-conversation": name})
        assert len({answer.headers["x-hanlin-revision"] for answer in answers}) == 1
    users = {trial.post(user=f"u{number}").headers["x-hanlin-revision"] for number in range(20)}
    assert users == {"1", "2"}


def test_a_rating_is_noted_for_the_revision_that_it_is_of(trial: Trial) -> None:
    trial.service.trials.rate("tiny", "2", good=False)
    trial.service.trials.rate("tiny", "1", good=True)
    trial.service.trials.rate("other", "1", good=True)
    assert [(each.trial, each.rating) for each in trial.seen()] == [(True, -1), (False, 1)]
