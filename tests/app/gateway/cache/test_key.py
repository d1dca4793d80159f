"""Which answers are certain, and what their names depend on."""

from dataclasses import replace

from app.gateway.cache.key import answer_key
from app.gateway.job import Job
from app.gateway.models import Served
from app.gateway.template import ChatTemplate
from app.gateway.vocabulary import Vocabulary
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Request, Sampling


def job(card: ModelCard, sampling: Sampling, tokens: tuple[int, ...] = (1, 2, 3)) -> Job:
    served = Served("tiny", "7", "model-7", card, Vocabulary(card.tokenizer), ChatTemplate("", {}))
    request = Request("id", tokens, 8, sampling, frozenset({0, 5}), deadline=9.0, origin="o", traceparent="t")
    return Job(served, (tokens,), (request,), ("。",))


def test_greedy_and_seeded_answers_are_certain_and_others_are_not(card: ModelCard) -> None:
    assert answer_key(job(card, Sampling(temperature=0)), "", seeded=False)
    assert answer_key(job(card, Sampling(temperature=1)), "", seeded=True)
    assert answer_key(job(card, Sampling(temperature=1)), "", seeded=False) is None


def test_what_the_text_does_not_depend_on_does_not_change_the_name(card: ModelCard) -> None:
    greedy = job(card, Sampling(temperature=0, seed=1, top_p=0.5, top_k=3))
    again = job(card, Sampling(temperature=0, seed=2))
    other = replace(again.requests[0], id="other", deadline=1.0, priority=9, origin="x", traceparent="y")
    assert answer_key(greedy, "", False) == answer_key(replace(again, requests=(other,)), "", False)


def test_all_else_changes_the_name(card: ModelCard) -> None:
    base = job(card, Sampling(temperature=0.5, seed=1))
    asked = base.requests[0]
    served = base.served
    different = [
        base,
        job(card, Sampling(temperature=0.5, seed=2)),
        job(card, Sampling(temperature=0.6, seed=1)),
        job(card, Sampling(temperature=0.5, seed=1, top_p=0.9)),
        job(card, Sampling(temperature=0.5, seed=1, logprobs=2)),
        job(card, Sampling(temperature=0.5, seed=1), (1, 2, 4)),
        replace(base, stops=("，",)),
        replace(base, echo=("问",)),
        replace(base, requests=(asked, replace(asked, id="second"))),
        replace(base, requests=(replace(asked, max_new_tokens=9),)),
        replace(base, requests=(replace(asked, stop_token_ids=frozenset()),)),
        replace(base, served=replace(served, card=replace(card, fingerprint="e" * 20))),
        replace(base, served=replace(served, card=replace(card, capabilities=replace(card.capabilities, engine="other")))),
    ]
    names = [answer_key(each, "", True) for each in different] + [answer_key(base, "tenant", True)]
    assert len(set(names)) == len(names)
