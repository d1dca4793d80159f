"""Which revision answers: by name, by weight."""

from collections import Counter

import pytest

from app.gateway.routes import Route, choose, last_good, must_answer, on_trial, place_of, route_names
from cluster.errors import ModelNotFoundError

TABLE = {"lm": (Route("1", "a", 0.75), Route("2", "b", 0.25), Route("3", "c", 0.0)), "old": (Route("9", "z", 0.0),)}


def test_weights_share_the_requests() -> None:
    counts = Counter(choose(TABLE, "lm", draw / 1000).revision for draw in range(1000))
    assert counts == {"1": 750, "2": 250}


def test_a_revision_can_be_named_whatever_its_weight() -> None:
    assert choose(TABLE, "lm@3", 0.0).app == "c"
    assert choose(TABLE, "lm@2", 0.99).app == "b"


@pytest.mark.parametrize("name", ["nope", "lm@7", "old", "", "lm@3@1"])
def test_what_is_not_served_is_named_with_what_is(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="served: lm, lm@1") as caught:
        choose(TABLE, name, 0.5)
    assert caught.value.http_status == 404


def test_names() -> None:
    assert route_names(TABLE) == ["lm", "lm@1", "lm@2", "lm@3", "old", "old@9"]


TRIAL = {"lm": (Route("2", "b", 0.1, trial=True), Route("1", "a", 0.9)), "plain": TABLE["lm"]}


def test_one_on_trial_has_another_that_stands_in_for_it() -> None:
    trial, good = on_trial(TRIAL, "lm"), last_good(TRIAL, "lm")
    assert trial is not None
    assert good is not None
    assert (trial.revision, good.revision) == ("2", "1")
    assert on_trial(TRIAL, "plain") is None
    assert last_good(TRIAL, "none") is None


def test_an_endpoint_is_ready_without_the_one_on_trial() -> None:
    assert must_answer(TRIAL) == {"a", "b"}, "the other model needs b itself"
    assert must_answer({"lm": TRIAL["lm"]}) == {"a"}
    full = (Route("2", "b", 1.0, trial=True), Route("1", "a", 0.0))
    assert must_answer({"lm": full}) == {"a"}
    assert must_answer({"lm": full[:1]}) == {"b"}
    assert must_answer({}) == set()


def test_places_are_even_and_another_order_for_another_revision() -> None:
    places = [place_of(f"c{number}", "lm@2") for number in range(4000)]
    assert all(0 <= place < 1 for place in places)
    for tenth in range(10):
        assert 300 < sum(tenth / 10 <= place < (tenth + 1) / 10 for place in places) < 500
    others = [place_of(f"c{number}", "lm@3") for number in range(4000)]
    both = sum(first < 0.1 and second < 0.1 for first, second in zip(places, others, strict=True))
    assert both < 80, "1 % are first both times, as by chance"
    assert places[0] == place_of("c0", "lm@2") == 0.7182472612717623, "the same on every machine"
