"""The order in which replicas are tried: the reader of the prompt's beginning first, if it has room."""

import asyncio
from dataclasses import dataclass
from typing import Any

from ray.serve._private.request_router.common import ReplicaQueueLengthCache

from workloads.serving.engine.base import Adapter, Request
from workloads.serving.prefixes import BLOCK
from workloads.serving.routing import PrefixRouter

PROMPT = tuple(range(3 * BLOCK))


@dataclass(frozen=True)
class Replica:
    replica_id: str


@dataclass(frozen=True)
class Pending:
    """A request of Serve's."""

    args: list[Any]


REPLICAS: Any = [Replica(name) for name in "abcd"]


def router(**requests: int) -> PrefixRouter:
    """One that has just sent PROMPT to b; `requests`: how many each replica has now."""
    found = object.__new__(PrefixRouter)
    found.initialize_state()
    found._replica_queue_len_cache = ReplicaQueueLengthCache()
    for name, count in requests.items():
        found._replica_queue_len_cache.update(name, count)  # type: ignore[arg-type]
    found.on_request_routed(asked(PROMPT), "b", None)  # type: ignore[arg-type]
    return found


def asked(tokens: tuple[int, ...], resume: tuple[int, ...] = (), adapter: str = "") -> Any:
    named = Adapter(adapter, adapter, "") if adapter else None
    return Pending([Request("r", tokens, 8, resume_tokens=resume, adapter=named), 0.0])


def order(of: PrefixRouter, pending: Any, replicas: Any = REPLICAS) -> list[list[str]]:
    ranks = asyncio.run(of.choose_replicas(replicas, pending))
    return [[each.replica_id for each in rank] for rank in ranks]  # type: ignore[misc]


def test_the_reader_of_the_beginning_comes_first() -> None:
    first, others = order(router(), asked((*PROMPT, 1, 2)))
    assert first == ["b"]
    assert len(set(others)) == 2
    assert order(router(), asked(PROMPT[:-1], PROMPT[-1:]))[0] == ["b"], "what was answered before is read, too"


def test_a_reader_with_too_much_to_do_is_passed_over() -> None:
    assert len(order(router(b=9), asked(PROMPT))) == 1
    assert order(router(a=8, b=9, c=8, d=8), asked(PROMPT))[0] == ["b"]


def test_other_requests_go_to_the_better_of_two() -> None:
    for pending in (None, Pending([]), Pending(["card"]), asked((5,) * 99)):
        (two,) = order(router(), pending)
        assert len(set(two)) == 2
    assert order(router(), asked(PROMPT), REPLICAS[1:2]) == [["b"]]


def test_a_reader_that_is_gone_is_forgotten() -> None:
    assert len(order(router(), asked(PROMPT), [each for each in REPLICAS if each.replica_id != "b"])) == 1


def test_an_adapter_is_asked_where_it_has_been_asked_before() -> None:
    found = router()
    found.on_request_routed(asked((7, 8), adapter="law"), "c", None)  # type: ignore[arg-type]
    assert order(found, asked((1, 2, 3), adapter="law"))[0] == ["c"]
    assert order(found, asked(PROMPT, adapter="law"))[0] == ["c"], "what b has read without the adapter is of no use"
    assert len(order(found, asked((1, 2, 3), adapter="tea"))) == 1
    assert order(found, asked(PROMPT))[0] == ["b"]
