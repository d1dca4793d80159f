"""Our draws inside vLLM: the same token as the torch engine's, whatever row a request is moved to."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from workloads.serving.engine.sampling import sample
from workloads.serving.engine.uniforms import uniforms
from workloads.serving.engine.vllm.wanted import KEY

VOCABULARY = 50
LOGITS = torch.randn(4, VOCABULARY, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def draws(vllm_names: None) -> Any:
    return import_module("workloads.serving.engine.vllm.draws")


def processor(draws: Any) -> Any:
    return draws.Draws(None, torch.device("cpu"), False)


def batch(added: tuple[Any, ...] = (), removed: tuple[int, ...] = (), moved: tuple[Any, ...] = ()) -> Any:
    return SimpleNamespace(added=added, removed=removed, moved=moved)


def joins(row: int, seed: int, answer: list[int], resumed: int = 0) -> Any:
    return row, SimpleNamespace(extra_args={KEY: [0.9, 0.95, 0, seed, resumed]}), None, answer


def expected(row: int, seed: int, place: int) -> int:
    number = uniforms(np.array([seed], dtype=np.uint64), np.array([place], dtype=np.int64))
    scalars = torch.tensor([0.9]), torch.tensor([0.95]), torch.tensor([0])
    return int(sample(LOGITS[row : row + 1], *scalars, torch.from_numpy(number)))


def test_the_drawn_token_is_made_the_likeliest(draws: Any) -> None:
    one = processor(draws)
    one.update_state(batch(added=(joins(2, 42, [7, 8], resumed=3),)))
    changed = one.apply(LOGITS.clone())
    assert int(changed[2].argmax()) == expected(2, 42, place=5)
    assert torch.isneginf(changed[2]).sum() == VOCABULARY - 1
    assert torch.equal(changed[[0, 1, 3]], LOGITS[[0, 1, 3]])


def test_an_answer_that_grows_draws_at_its_next_place(draws: Any) -> None:
    one, answer = processor(draws), list[int]()
    one.update_state(batch(added=(joins(0, 42, answer),)))
    for place in range(20):
        one.update_state(None)
        assert int(one.apply(LOGITS.clone())[0].argmax()) == expected(0, 42, place)
        answer.append(1)


def test_rows_move_swap_and_leave(draws: Any) -> None:
    one, swap = processor(draws), draws.MoveDirectionality.SWAP
    one.update_state(batch(added=(joins(0, 1, []), joins(3, 2, [])), moved=((0, 3, swap),)))
    changed = one.apply(LOGITS.clone())
    assert [int(changed[row].argmax()) for row in (0, 3)] == [expected(0, 2, 0), expected(3, 1, 0)]
    one.update_state(batch(removed=(0,), moved=((3, 1, draws.MoveDirectionality.UNIDIRECTIONAL),)))
    changed = one.apply(LOGITS.clone())
    assert int(changed[1].argmax()) == expected(1, 1, 0)
    assert torch.equal(changed[[0, 2, 3]], LOGITS[[0, 2, 3]])


def test_greedy_rows_are_left_alone_also_in_the_place_of_one_that_drew(draws: Any) -> None:
    one = processor(draws)
    one.update_state(batch(added=(joins(0, 1, []),)))
    one.update_state(batch(added=((0, SimpleNamespace(extra_args=None), None, []),)))
    assert torch.equal(one.apply(LOGITS.clone()), LOGITS)
